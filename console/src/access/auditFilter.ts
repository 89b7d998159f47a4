/** What the audit trail is narrowed down to: it stands in the address. */

import { isDay } from "../components/DayRange";
import { daysOn } from "../components/format";
import { useAddress } from "../components/urlParams";
import type { AuditEntryFilterInput } from "../schema";

// As they stand in the address. Days are in NEM time; the last is one that is meant.
const NAMES = ["type", "action", "caller", "object", "first", "last"] as const;
export type Narrowing = Record<(typeof NAMES)[number], string | null>;

export function useNarrowing() {
  const [params, change] = useAddress();
  const chosen = Object.fromEntries(NAMES.map((name) => [name, params.get(name)])) as Narrowing;
  return {
    chosen,
    isNarrowed: NAMES.some((name) => chosen[name] !== null),
    choose: (next: Partial<Narrowing>) =>
      change(
        (present) => {
          for (const [name, value] of Object.entries(next)) {
            if (value) present.set(name, value);
            else present.delete(name);
          }
        },
        { replace: true },
      ),
    clear: () =>
      change((present) => {
        for (const name of NAMES) present.delete(name);
      }),
  };
}

/** Returns the address of the changes of one object. */
export const changesOf = (objectId: string) => `/access?${new URLSearchParams({ show: "audit", object: objectId })}`;

export function filterOf({ type, action, caller, object, first, last }: Narrowing): AuditEntryFilterInput {
  return {
    objectType: type,
    action,
    callerName: caller,
    objectId: object,
    from: isDay(first) ? startOf(first) : null,
    until: isDay(last) ? startOf(daysOn(last, 1)) : null,
  };
}

const startOf = (day: string) => `${day}T00:00:00+10:00`;
