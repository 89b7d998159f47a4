/** The filter of the audit trail, kept in the URL. */

import { isDay } from "../components/DayRange";
import { addDays } from "../components/format";
import { useUrlParams } from "../components/urlParams";
import type { AuditEntryFilterInput } from "../schema";

// The names of the query parameters. Days are in NEM time, and the last day is inclusive.
const FILTER_PARAMS = ["type", "action", "caller", "object", "first", "last"] as const;
export type AuditFilter = Record<(typeof FILTER_PARAMS)[number], string | null>;

export function useAuditFilter() {
  const [params, updateParams] = useUrlParams();
  const filter = Object.fromEntries(FILTER_PARAMS.map((name) => [name, params.get(name)])) as AuditFilter;
  return {
    filter,
    isFiltered: FILTER_PARAMS.some((name) => filter[name] !== null),
    setFilter: (next: Partial<AuditFilter>) =>
      updateParams(
        (current) => {
          for (const [name, value] of Object.entries(next)) {
            if (value) current.set(name, value);
            else current.delete(name);
          }
        },
        { replace: true },
      ),
    clear: () =>
      updateParams((current) => {
        for (const name of FILTER_PARAMS) current.delete(name);
      }),
  };
}

/** Returns the path of the audit trail filtered by one object. */
export const objectChangesPath = (objectId: string) =>
  `/access?${new URLSearchParams({ show: "audit", object: objectId })}`;

export function toFilterInput({ type, action, caller, object, first, last }: AuditFilter): AuditEntryFilterInput {
  return {
    objectType: type,
    action,
    callerName: caller,
    objectId: object,
    from: isDay(first) ? startOfDay(first) : null,
    until: isDay(last) ? startOfDay(addDays(last, 1)) : null,
  };
}

const startOfDay = (day: string) => `${day}T00:00:00+10:00`;
