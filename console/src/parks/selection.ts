/** What is chosen of the parks' days: it stands in the address, to be found again, and sent to somebody. */

import type { NavigateOptions } from "react-router";
import { isDay } from "../components/DayRange";
import { daysOn } from "../components/format";
import { useAddress } from "../components/urlParams";

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

interface Choosing {
  choose: (chosen: Partial<Pick<Choice, "by" | "span">>, how?: NavigateOptions) => void;
  /** Of the parks as they are chosen by then. */
  chooseParks: (choose: (parks: string[]) => string[], how?: NavigateOptions) => void;
}

export function useChoice(): Choice & Choosing {
  const [params, change] = useAddress();
  const parks = parksOf(params);
  const [from, until] = [params.get("from"), params.get("until")];
  const last = Number(params.get("last"));
  const by = params.get("by") ?? (parks.length > 0 ? "park" : "type");
  return {
    parks,
    by: by === "park" ? "park" : "type",
    span: isDay(from) && isDay(until) ? { from, until } : LAST_DAYS.includes(last) ? last : UNLESS_CHOSEN,
    choose: ({ by, span }, how) =>
      change((present) => {
        if (by) present.set("by", by);
        if (span) for (const name of ["from", "until", "last"]) present.delete(name);
        if (typeof span === "number") present.set("last", String(span));
        if (typeof span === "object") for (const [name, day] of Object.entries(span)) present.set(name, day);
      }, how),
    chooseParks: (choose, how) =>
      change((present) => {
        const chosen = choose(parksOf(present));
        for (const name of ["park", "by"]) present.delete(name);
        for (const name of chosen) present.append("park", name);
      }, how),
  };
}

const parksOf = (params: URLSearchParams) => [...new Set(params.getAll("park"))].slice(0, PARKS_AT_ONCE);

/** Returns the days of a choice: those given, or the last ones up to a day. */
export const daysOf = (span: Choice["span"], lastDay: string): Span =>
  typeof span === "object" ? span : { from: daysOn(lastDay, 1 - span), until: daysOn(lastDay, 1) };
