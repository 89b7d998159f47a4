/** The days of a month, and the terms that it was settled with. */

import { addDays, addMonths, formatMoney, formatPercent, formatPeriod } from "../components/format";
import type { ReportFragment } from "../schema";

/** The terms that a month was settled with on the days [from, until). */
export type Terms = NonNullable<ReportFragment["terms"]>[number];

export const isMonth = (text: string) => /^[1-9]\d{3}-(0[1-9]|1[0-2])$/.test(text);

/** Returns a month's first day, the first day after it, and its number of days. */
export function monthDays(month: string): { from: string; until: string; days: number } {
  const [from, until] = [`${month}-01`, `${addMonths(month, 1)}-01`];
  return { from, until, days: daysBetween(from, until) };
}

export const daysBetween = (from: string, until: string) => (Date.parse(until) - Date.parse(from)) / 86_400_000;

/** Merges adjacent spans with the same terms, which were cut only by changes of memberships or batteries. */
export function mergeSpans(spans: readonly Terms[]): Terms[] {
  const merged: Terms[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (
      last &&
      last.revenuePercentage === span.revenuePercentage &&
      last.dailyFeeAud === span.dailyFeeAud &&
      last.until === span.from
    )
      merged[merged.length - 1] = { ...last, until: span.until };
    else merged.push(span);
  }
  return merged;
}

export const formatTerms = ({ revenuePercentage, dailyFeeAud }: Terms) =>
  `${formatPercent(revenuePercentage)} of revenue and ${formatMoney(String(dailyFeeAud))} a day`;

/** Formats all terms of a month, with their days if there are several. */
export function formatAllTerms(spans: readonly Terms[]): string {
  const all = mergeSpans(spans);
  return all
    .map((terms) =>
      all.length > 1 ? `${formatTerms(terms)}, ${formatPeriod(terms.from, terms.until)}` : formatTerms(terms),
    )
    .join("; ");
}

/** Returns the instant at which a month ends in NEM time, in epoch milliseconds. */
export const monthEndMs = (month: string) => Date.parse(`${monthDays(month).until}T00:00:00+10:00`);

/** Returns the last day of a period that stops before `until`. */
export const lastDay = (until: string) => addDays(until, -1);
