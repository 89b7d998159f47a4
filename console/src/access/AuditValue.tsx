/** A field's value in the audit trail: ids as names, and dates formatted. */

import { formatDateTime, formatDay } from "../components/format";
import { isMissingFrom, type Json } from "./fieldDiff";
import { ParkName, SiteNmi, VppName } from "./objectNames";
import { readableTitle } from "./readableNames";

interface Props {
  /** The field's name, from which the type of an id is inferred. */
  name: string;
  /** Undefined if the object did not exist. */
  value: Json | undefined;
  /** The value after the change if `value` is the one before it, or the reverse. List items that it lacks are marked. */
  otherValue?: Json | undefined;
}

export function AuditValue({ name, value, otherValue }: Props) {
  if (value === undefined) return <span className="soft">Does not exist</span>;
  if (value === null) return <span className="soft">None</span>;
  if (Array.isArray(value)) {
    const isUnique = isMissingFrom(value, otherValue);
    return (
      <ul className="values">
        {value.map((item, index) => (
          <li key={JSON.stringify(item)} className={isUnique[index] ? "differs" : "soft"}>
            <AuditValue name={name} value={item} />
          </li>
        ))}
      </ul>
    );
  }
  if (typeof value === "object") {
    return Object.entries(value).map(([key, of]) => (
      <span key={key} className="part">
        <span className="soft">{readableTitle(key)}</span> <AuditValue name={key} value={of} />
      </span>
    ));
  }
  if (/^vppIds?$/.test(name)) return <VppName id={String(value)} isLink />;
  if (/^siteIds?$/.test(name)) return <SiteNmi id={String(value)} isLink />;
  if (name === "parkId") return <ParkName id={String(value)} isLink />;
  if (/^\d{4}-\d\d-\d\dT/.test(String(value))) return formatDateTime(String(value));
  if (/^\d{4}-\d\d-\d\d$/.test(String(value))) return formatDay(String(value));
  return String(value);
}
