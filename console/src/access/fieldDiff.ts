/** What an audit entry says of an object: each of its fields before and after. */

import type { ListAuditEntriesQuery } from "../schema";

export type AuditEntry = ListAuditEntriesQuery["listAuditEntries"]["items"][number];

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Whole = { [name: string]: Json };

export interface Field {
  name: string;
  /** Undefined where there was no object. */
  old: Json | undefined;
  new: Json | undefined;
  differs: boolean;
}

export function fieldsOf(entry: AuditEntry): Field[] {
  const [old, now] = [read(entry.old), read(entry.new)];
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].map((name) => {
    const [before, after] = [old?.[name], now?.[name]];
    return { name, old: before, new: after, differs: !isSame(before, after) };
  });
}

/** Returns which items of a list are not in the other. */
export const onlyIn = (items: Json[], other: Json | undefined): boolean[] =>
  items.map((item) => !Array.isArray(other) || !other.some((each) => isSame(each, item)));

/** Returns the object as it was last: after the change, or before it was deleted. */
export const lastOf = (entry: AuditEntry): Whole => read(entry.new) ?? read(entry.old) ?? {};

/** Returns what people know the object by. */
export function titleOf(entry: AuditEntry): string {
  const object = lastOf(entry);
  const told = {
    Site: [object.nmi],
    Battery: [object.manufacturer, object.serial],
    Import: [object.fileName],
    RevenueReport: [object.month, `revision ${object.revision}`],
  }[entry.objectType] ?? [object.name];
  return told.join(" ");
}

/** Returns the page that shows the object, where there is one. */
export function pageOf(entry: AuditEntry): string | null {
  const object = lastOf(entry);
  if (entry.new === null) return null;
  const page: Record<string, string> = {
    Vpp: `/vpps/${entry.objectId}`,
    Site: `/sites/${entry.objectId}`,
    Battery: `/sites/${object.siteId}`,
    Import: `/imports/${entry.objectId}`,
    RevenueReport: `/reports/${object.vppId}/${object.month}`,
    Park: `/parks?${new URLSearchParams({ park: String(object.name) })}`,
    ApiKey: "/access",
  };
  return page[entry.objectType] ?? null;
}

// Both were written by Postgres, which orders an object's fields.
const isSame = (one: Json | undefined, other: Json | undefined) => JSON.stringify(one) === JSON.stringify(other);

const read = (text: string | null): Whole | null => (text === null ? null : (JSON.parse(text) as Whole));
