/** The selection of parks and days, kept in the URL so that it can be reloaded and shared. */

import type { NavigateOptions } from "react-router";

import { isDay } from "../components/DayRange";
import { addDays } from "../components/format";
import { useUrlParams } from "../components/urlParams";

export type GroupBy = "park" | "type";

/** The days [from, until), YYYY-MM-DD. */
export interface Span {
  from: string;
  until: string;
}

export interface Selection {
  /** Park names. */
  parks: string[];
  by: GroupBy;
  /** A range of days, or the number of last days with readings. */
  span: Span | number;
}

// Each park has a chart, and more than four charts would not be readable.
export const MAX_PARKS = 4;
export const LAST_DAYS = [7, 30, 90, 365];
const DEFAULT_LAST_DAYS = 30;

interface SelectionActions {
  select: (selected: Partial<Pick<Selection, "by" | "span">>, options?: NavigateOptions) => void;
  /** Updates the parks from the current selection, as a functional state update. */
  selectParks: (update: (parks: string[]) => string[], options?: NavigateOptions) => void;
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
    selectParks: (update, options) =>
      updateParams((current) => {
        const selected = update(readParks(current));
        for (const name of ["park", "by"]) current.delete(name);
        for (const name of selected) current.append("park", name);
      }, options),
  };
}

const readParks = (params: URLSearchParams) => [...new Set(params.getAll("park"))].slice(0, MAX_PARKS);

/** Resolves a span to a range: as given, or the last days up to `lastDay`. */
export const resolveSpan = (span: Selection["span"], lastDay: string): Span =>
  typeof span === "object" ? span : { from: addDays(lastDay, 1 - span), until: addDays(lastDay, 1) };
