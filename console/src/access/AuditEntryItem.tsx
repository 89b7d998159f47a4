/** An audit entry, which expands to the changed object's fields before and after. */

import { ChevronDown, ChevronRight } from "lucide-react";
import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";

import { CopyText } from "../components/CopyText";
import { formatDateTime } from "../components/format";
import { AuditValue } from "./AuditValue";
import { objectChangesPath } from "./auditFilter";
import { type AuditEntry, diffFields, type FieldDiff, objectPagePath, objectTitle } from "./fieldDiff";
import { readableName, readableTitle } from "./readableNames";

const AUTH_LABELS: Record<string, string> = {
  API_KEY: "With an API key",
  OIDC: "With an OIDC token",
  IAM: "With an IAM signature",
  COMMAND: "On the command line",
};

export function AuditEntryItem({ entry }: { entry: AuditEntry }) {
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
        <span className="summary">
          <strong>{readableTitle(entry.action)}</strong> <span>{objectTitle(entry)}</span>
        </span>
        <span className="soft small">by {entry.callerName}</span>
        <span className="soft small">{formatDateTime(entry.at)}</span>
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
  const [showsUnchanged, setIsWhole] = useState(false);
  const fields = diffFields(entry);
  const unchanged = fields.filter(({ isChanged }) => !isChanged);
  const objectPath = objectPagePath(entry);
  return (
    <>
      <Fields label="Changed fields" fields={fields.filter(({ isChanged }) => isChanged)} />
      {unchanged.length > 0 && (
        <div>
          <Button
            className="button quiet small same"
            aria-expanded={showsUnchanged}
            onPress={() => setIsWhole(!showsUnchanged)}
          >
            {showsUnchanged ? "Hide" : "Show"} unchanged fields ({unchanged.length})
          </Button>
          {showsUnchanged && <Fields label="Unchanged fields" fields={unchanged} />}
        </div>
      )}
      <div className="row small">
        {objectPath && <Link to={objectPath}>Go to this {readableName(entry.objectType)}</Link>}
        <Link to={objectChangesPath(entry.objectId)}>All changes of this {readableName(entry.objectType)}</Link>
        <span className="soft">{AUTH_LABELS[entry.authType] ?? entry.authType}</span>
        {entry.requestId && <CopyText label="Request" text={entry.requestId} />}
      </div>
    </>
  );
}

function Fields({ label, fields }: { label: string; fields: FieldDiff[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: focusable, so that the arrow keys scroll it.
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
              <th scope="row">{readableTitle(name)}</th>
              <td>
                <AuditValue name={name} value={old} otherValue={now} />
              </td>
              <td>
                <AuditValue name={name} value={now} otherValue={old} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
