/** What is chosen of the parks' days: it stands in the address, to be found again, and sent to somebody. */

import type { NavigateOptions } from "react-router";
import { isDay } from "../components/DayRange";
import { addDays } from "../components/format";
import { useUrlParams } from "../components/urlParams";

export type GroupBy = "park" | "type";

/** Days, [from, until), YYYY-MM-DD. */
export interface Span {
  from: string;
  until: string;
}

export interface Selection {
  /** By their names. */
  parks: string[];
  by: GroupBy;
  /** Days given, or how many of the last that have readings. */
  span: Span | number;
}

// More would be read by nobody, one chart each.
export const MAX_PARKS = 4;
export const LAST_DAYS = [7, 30, 90, 365];
const DEFAULT_LAST_DAYS = 30;

interface SelectionActions {
  select: (chosen: Partial<Pick<Selection, "by" | "span">>, options?: NavigateOptions) => void;
  /** Of the parks as they are chosen by then. */
  selectParks: (choose: (parks: string[]) => string[], options?: NavigateOptions) => void;
}

export function useSelection(): Selection & SelectionActions {
  const [params, updateParams] = useUrlParams();
  const parks = readParks(params);
  const [from, until] = [params.get("from"), params.get("until")];
  const last = Number(params.get("last"));
  const by = params.get("by") ?? (parks.length > 0 ? "park" : "type");
  return {
    parks,
    by: by === "park" ? "park" : "type",
    span: isDay(from) && isDay(until) ? { from, until } : LAST_DAYS.includes(last) ? last : DEFAULT_LAST_DAYS,
    select: ({ by, span }, options) =>
      updateParams((current) => {
        if (by) current.set("by", by);
        if (span) for (const name of ["from", "until", "last"]) current.delete(name);
        if (typeof span === "number") current.set("last", String(span));
        if (typeof span === "object") for (const [name, day] of Object.entries(span)) current.set(name, day);
      }, options),
    selectParks: (choose, options) =>
      updateParams((current) => {
        const chosen = choose(readParks(current));
        for (const name of ["park", "by"]) current.delete(name);
        for (const name of chosen) current.append("park", name);
      }, options),
  };
}

const readParks = (params: URLSearchParams) => [...new Set(params.getAll("park"))].slice(0, MAX_PARKS);

/** Returns the days of a choice: those given, or the last ones up to a day. */
export const resolveSpan = (span: Selection["span"], lastDay: string): Span =>
  typeof span === "object" ? span : { from: addDays(lastDay, 1 - span), until: addDays(lastDay, 1) };
