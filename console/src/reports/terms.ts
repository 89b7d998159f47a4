/** The terms of a settled month, from the report's file; members may not read the file and see the current terms. */

import { useEffect, useState } from "react";
import { useClient } from "urql";

import { addDays, addMonths, formatMoney, formatPercent, formatPeriod } from "../components/format";
import { type ReportedVppQuery, ReportFileDocument } from "../schema";

type PriceSchedule = NonNullable<ReportedVppQuery["getVpp"]>["priceSchedules"][number];

/** The terms on the days [from, until). */
export interface Terms {
  from: string;
  until: string;
  percentage: number;
  dailyFee: number;
}

/** Terms by span, and whether the report was settled with these terms. */
export interface SettledTerms {
  spans: Terms[];
  areSettled: boolean;
}

interface ReportFile {
  terms: { from: string; until: string; revenue_percentage: number; daily_fee: number }[];
}

export const isMonth = (text: string) => /^[1-9]\d{3}-(0[1-9]|1[0-2])$/.test(text);

/** Returns a month's first day, the first day after it, and its number of days. */
export function monthDays(month: string): { from: string; until: string; days: number } {
  const [from, until] = [`${month}-01`, `${addMonths(month, 1)}-01`];
  return { from, until, days: daysBetween(from, until) };
}

export const daysBetween = (from: string, until: string) => (Date.parse(until) - Date.parse(from)) / 86_400_000;

/** Intersects a period, either end open if null, with a range of days; null if they do not overlap. */
export function intersectPeriod(
  { from, until }: { from: string; until: string },
  effectiveFrom: string | null,
  effectiveUntil: string | null,
): { from: string; until: string } | null {
  const first = effectiveFrom !== null && effectiveFrom > from ? effectiveFrom : from;
  const end = effectiveUntil !== null && effectiveUntil < until ? effectiveUntil : until;
  return first < end ? { from: first, until: end } : null;
}

/** Merges adjacent spans with the same terms, which were cut only by changes of memberships or batteries. */
export function mergeSpans(spans: readonly Terms[]): Terms[] {
  const merged: Terms[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last && last.percentage === span.percentage && last.dailyFee === span.dailyFee && last.until === span.from)
      merged[merged.length - 1] = { ...last, until: span.until };
    else merged.push(span);
  }
  return merged;
}

export const formatTerms = ({ percentage, dailyFee }: Terms) =>
  `${formatPercent(percentage)} of revenue and ${formatMoney(String(dailyFee))} a day`;

/** Formats all terms of a month, with their days if there are several. */
export function formatAllTerms(spans: readonly Terms[]): string {
  const all = mergeSpans(spans);
  return all
    .map((terms) =>
      all.length > 1 ? `${formatTerms(terms)}, ${formatPeriod(terms.from, terms.until)}` : formatTerms(terms),
    )
    .join("; ");
}

/** Returns the terms for a month by the VPP's current price schedules. */
export const currentTerms = (month: string, schedules: readonly PriceSchedule[]): Terms[] =>
  schedules.flatMap(({ revenuePercentage, dailyFeeAud, effectiveFrom, effectiveUntil }) => {
    const days = intersectPeriod(monthDays(month), effectiveFrom, effectiveUntil);
    return days ? [{ ...days, percentage: revenuePercentage, dailyFee: dailyFeeAud }] : [];
  });

/** Reads a report's terms from its file. They are null until loaded; `isMissing` if they cannot be read. */
export function useSettledTerms(reportId: string | null): { terms: Terms[] | null; isMissing: boolean } {
  const client = useClient();
  const [found, setFound] = useState<{ reportId: string; terms: Terms[] | null } | null>(null);

  useEffect(() => {
    if (reportId === null) return;
    const controller = new AbortController();
    const read = async () => {
      const variables = { id: reportId, format: "JSON" as const };
      // The signed URL expires after a few minutes, so do not cache it.
      const { data } = await client.query(ReportFileDocument, variables, { requestPolicy: "network-only" }).toPromise();
      const url = data?.getRevenueReport?.downloadUrl;
      if (!url) throw new Error("There is no file.");
      const { terms } = (await (await fetch(url, { signal: controller.signal })).json()) as ReportFile;
      return terms.map(({ from, until, revenue_percentage, daily_fee }) => ({
        ...{ from, until },
        ...{ percentage: revenue_percentage, dailyFee: daily_fee },
      }));
    };
    read()
      .catch(() => null)
      .then((terms) => controller.signal.aborted || setFound({ reportId, terms }));
    return () => controller.abort();
  }, [client, reportId]);

  const isCurrent = found !== null && found.reportId === reportId;
  return { terms: isCurrent ? found.terms : null, isMissing: isCurrent && found.terms === null };
}

/** Returns the instant at which a month ends in NEM time, in epoch milliseconds. */
export const monthEndMs = (month: string) => Date.parse(`${monthDays(month).until}T00:00:00+10:00`);

/** Returns the last day of a period that stops before `until`. */
export const lastDay = (until: string) => addDays(until, -1);
