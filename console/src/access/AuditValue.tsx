/** A value out of the audit trail, as people read it. */

import { formatDay, formatMoment } from "../components/format";
import { type Json, onlyIn } from "./fieldDiff";
import { ParkName, SiteNmi, VppName } from "./objectNames";
import { title } from "./readableNames";

interface Props {
  /** The field's name: it says what an id is of. */
  name: string;
  /** Undefined where there was no object. */
  value: Json | undefined;
  /** On the other side: what is not there is marked. */
  other?: Json | undefined;
}

export function Value({ name, value, other }: Props) {
  if (value === undefined) return <span className="soft">Not there</span>;
  if (value === null) return <span className="soft">None</span>;
  if (Array.isArray(value)) {
    const isOnlyHere = onlyIn(value, other);
    return (
      <ul className="values">
        {value.map((item, place) => (
          <li key={JSON.stringify(item)} className={isOnlyHere[place] ? "differs" : "soft"}>
            <Value name={name} value={item} />
          </li>
        ))}
      </ul>
    );
  }
  if (typeof value === "object") {
    return Object.entries(value).map(([part, of]) => (
      <span key={part} className="part">
        <span className="soft">{title(part)}</span> <Value name={part} value={of} />
      </span>
    ));
  }
  if (/^vppIds?$/.test(name)) return <VppName id={String(value)} isLink />;
  if (/^siteIds?$/.test(name)) return <SiteNmi id={String(value)} isLink />;
  if (name === "parkId") return <ParkName id={String(value)} isLink />;
  if (/^\d{4}-\d\d-\d\dT/.test(String(value))) return formatMoment(String(value));
  if (/^\d{4}-\d\d-\d\d$/.test(String(value))) return formatDay(String(value));
  return String(value);
}
