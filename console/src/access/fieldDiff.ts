/** The fields of an audit entry's object before and after the change. */

import type { ListAuditEntriesQuery } from "../schema";

export type AuditEntry = ListAuditEntriesQuery["listAuditEntries"]["items"][number];

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

export interface FieldDiff {
  name: string;
  /** Undefined if the object did not exist. */
  old: Json | undefined;
  new: Json | undefined;
  isChanged: boolean;
}

export function diffFields(entry: AuditEntry): FieldDiff[] {
  const [old, now] = [parseObject(entry.old), parseObject(entry.new)];
  return [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].map((name) => {
    const [before, after] = [old?.[name], now?.[name]];
    return { name, old: before, new: after, isChanged: !isSame(before, after) };
  });
}

/** Returns, for each item of a list, whether the other list lacks it. */
export const isMissingFrom = (items: Json[], other: Json | undefined): boolean[] =>
  items.map((item) => !Array.isArray(other) || !other.some((otherItem) => isSame(otherItem, item)));

/** Returns the object after the change, or before its deletion. */
export const latestState = (entry: AuditEntry): JsonObject => parseObject(entry.new) ?? parseObject(entry.old) ?? {};

/** Returns the name under which users know the object. */
export function objectTitle(entry: AuditEntry): string {
  const object = latestState(entry);
  const parts = {
    Site: [object.nmi],
    Battery: [object.manufacturer, object.serial],
    Import: [object.fileName],
    RevenueReport: [object.month, `revision ${object.revision}`],
  }[entry.objectType] ?? [object.name];
  return parts.join(" ");
}

/** Returns the path of the object's page, or null if it was deleted or has none. */
export function objectPagePath(entry: AuditEntry): string | null {
  const object = latestState(entry);
  if (entry.new === null) return null;
  const paths: Record<string, string> = {
    Vpp: `/vpps/${entry.objectId}`,
    Site: `/sites/${entry.objectId}`,
    Battery: `/sites/${object.siteId}`,
    Import: `/imports/${entry.objectId}`,
    RevenueReport: `/reports/${object.vppId}/${object.month}`,
    Park: `/parks?${new URLSearchParams({ park: String(object.name) })}`,
    ApiKey: "/access",
  };
  return paths[entry.objectType] ?? null;
}

// Comparing JSON text is safe: both come from Postgres jsonb, which sorts an object's keys.
const isSame = (one: Json | undefined, other: Json | undefined) => JSON.stringify(one) === JSON.stringify(other);

const parseObject = (text: string | null): JsonObject | null =>
  text === null ? null : (JSON.parse(text) as JsonObject);
