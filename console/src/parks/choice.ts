/** What is chosen of the parks' days: it stands in the address, to be found again, and sent to somebody. */

import { useSearchParams } from "react-router";

import { isDay } from "../parts/DayRange";
import { daysOn } from "../parts/format";

export type By = "park" | "type";

/** Days, [from, until), YYYY-MM-DD. */
export interface Span {
  from: string;
  until: string;
}

export interface Choice {
  /** By their names. */
  parks: string[];
  by: By;
  /** Days given, or how many of the last that have readings. */
  span: Span | number;
}

// More would be read by nobody, one chart each.
export const PARKS_AT_ONCE = 4;
export const LAST_DAYS = [7, 30, 90, 365];
const UNLESS_CHOSEN = 30;

export function useChoice(): Choice & { choose: (chosen: Partial<Choice>, how?: { replace: boolean }) => void } {
  const [params, setParams] = useSearchParams();
  const parks = [...new Set(params.getAll("park"))].slice(0, PARKS_AT_ONCE);
  const [from, until] = [params.get("from"), params.get("until")];
  const last = Number(params.get("last"));
  const by = params.get("by") ?? (parks.length > 0 ? "park" : "type");
  return {
    parks,
    by: by === "park" ? "park" : "type",
    span: isDay(from) && isDay(until) ? { from, until } : LAST_DAYS.includes(last) ? last : UNLESS_CHOSEN,
    choose: ({ parks, by, span }, how = { replace: false }) =>
      setParams((present) => {
        // A dialog that has brought this about is over.
        for (const name of ["do", "about"]) present.delete(name);
        if (parks) {
          for (const name of ["park", "by"]) present.delete(name);
          for (const name of parks) present.append("park", name);
        }
        if (by) present.set("by", by);
        if (span) for (const name of ["from", "until", "last"]) present.delete(name);
        if (typeof span === "number") present.set("last", String(span));
        if (typeof span === "object") for (const [name, day] of Object.entries(span)) present.set(name, day);
        return present;
      }, how),
  };
}

/** Returns the days of a choice: those given, or the last ones up to a day. */
export const daysOf = (span: Choice["span"], lastDay: string): Span =>
  typeof span === "object" ? span : { from: daysOn(lastDay, 1 - span), until: daysOn(lastDay, 1) };
