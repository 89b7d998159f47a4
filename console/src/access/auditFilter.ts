/** What the audit trail is narrowed down to: it stands in the address. */

import { isDay } from "../components/DayRange";
import { addDays } from "../components/format";
import { useUrlParams } from "../components/urlParams";
import type { AuditEntryFilterInput } from "../schema";

// As they stand in the address. Days are in NEM time; the last is one that is meant.
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

/** Returns the address of the changes of one object. */
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
