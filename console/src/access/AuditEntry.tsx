/** One change of the audit trail, that opens to what was there before it and what is there after it. */

import { ChevronDown, ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";

import { CopyText } from "../components/CopyText";
import { formatMoment } from "../components/format";
import { Value } from "./AuditValue";
import { changesOf } from "./auditFilter";
import { type AuditEntry, type Field, fieldsOf, pageOf, titleOf } from "./fieldDiff";
import { title, words } from "./readableNames";

const HOW: Record<string, string> = {
  API_KEY: "With an API key",
  OIDC: "With a token of the issuer's",
  IAM: "With a signature of IAM's",
  COMMAND: "On the command line",
};

export function Entry({ entry }: { entry: AuditEntry }) {
  const [isOpen, setIsOpen] = useState(false);
  const id = useId();
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  return (
    <li>
      <Button
        className="entry"
        aria-expanded={isOpen}
        {...(isOpen ? { "aria-controls": id } : {})}
        onPress={() => setIsOpen(!isOpen)}
      >
        <Chevron size={16} aria-hidden className="soft" />
        <span className="what">
          <strong>{title(entry.action)}</strong> <span>{titleOf(entry)}</span>
        </span>
        <span className="soft small">by {entry.callerName}</span>
        <span className="soft small">{formatMoment(entry.at)}</span>
      </Button>
      {isOpen && (
        <div id={id} className="stack changes">
          <Changes entry={entry} />
        </div>
      )}
    </li>
  );
}

function Changes({ entry }: { entry: AuditEntry }) {
  const [isWhole, setIsWhole] = useState(false);
  const fields = fieldsOf(entry);
  const same = fields.filter(({ differs }) => !differs);
  const page = pageOf(entry);
  return (
    <>
      <Fields label="What changed" fields={fields.filter(({ differs }) => differs)} />
      {same.length > 0 && (
        <div>
          <Button className="button quiet small same" aria-expanded={isWhole} onPress={() => setIsWhole(!isWhole)}>
            {isWhole ? "Leave out" : "Show"} what stayed as it was ({same.length})
          </Button>
          {isWhole && <Fields label="What stayed" fields={same} />}
        </div>
      )}
      <div className="row small">
        {page && <Link to={page}>Go to this {words(entry.objectType)}</Link>}
        <Link to={changesOf(entry.objectId)}>All its changes</Link>
        <span className="soft">{HOW[entry.authType] ?? entry.authType}</span>
        {entry.requestId && <CopyText label="Request" text={entry.requestId} />}
      </div>
    </>
  );
}

function Fields({ label, fields }: { label: string; fields: Field[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls by the keyboard.
    <section className="scrolled" aria-label={label} tabIndex={0}>
      <table aria-label={label}>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {fields.map(({ name, old, new: now }) => (
            <tr key={name}>
              <th scope="row">{title(name)}</th>
              <td>
                <Value name={name} value={old} other={now} />
              </td>
              <td>
                <Value name={name} value={now} other={old} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
