/** The terms on which a month was settled: those of the report's file, or for whom it is not, those that stand now. */

import { useEffect, useState } from "react";
import { useClient } from "urql";

import { addDays, addMonths, formatMoney, formatPercent, formatPeriod } from "../components/format";
import { type ReportedVppQuery, ReportFileDocument } from "../schema";

type PriceSchedule = NonNullable<ReportedVppQuery["getVpp"]>["priceSchedules"][number];

/** What held on the days from `from` on and before `until`. */
export interface Terms {
  from: string;
  until: string;
  percentage: number;
  dailyFee: number;
}

/** Terms by span, and whether they are those the report was settled with. */
export interface SettledTerms {
  spans: Terms[];
  areSettled: boolean;
}

interface ReportFile {
  terms: { from: string; until: string; revenue_percentage: number; daily_fee: number }[];
}

export const isMonth = (text: string) => /^[1-9]\d{3}-(0[1-9]|1[0-2])$/.test(text);

/** The first day of a month, the first behind it, and how many days it has. */
export function monthDays(month: string): { from: string; until: string; days: number } {
  const [from, until] = [`${month}-01`, `${addMonths(month, 1)}-01`];
  return { from, until, days: daysBetween(from, until) };
}

export const daysBetween = (from: string, until: string) => (Date.parse(until) - Date.parse(from)) / 86_400_000;

/** Returns the days of a period, either end open where it is null, within others; null where there are none. */
export function intersectPeriod(
  { from, until }: { from: string; until: string },
  effectiveFrom: string | null,
  effectiveUntil: string | null,
): { from: string; until: string } | null {
  const first = effectiveFrom !== null && effectiveFrom > from ? effectiveFrom : from;
  const end = effectiveUntil !== null && effectiveUntil < until ? effectiveUntil : until;
  return first < end ? { from: first, until: end } : null;
}

/** Puts spans of the same terms together: those that others' comings and goings alone cut. */
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

/** Writes all of a month's terms, with their days where there are several. */
export function formatAllTerms(spans: readonly Terms[]): string {
  const all = mergeSpans(spans);
  return all
    .map((each) =>
      all.length > 1 ? `${formatTerms(each)}, ${formatPeriod(each.from, each.until)}` : formatTerms(each),
    )
    .join("; ");
}

/** Returns the terms that stand in a month by the VPP's price schedules, as these are now. */
export const currentTerms = (month: string, schedules: readonly PriceSchedule[]): Terms[] =>
  schedules.flatMap(({ revenuePercentage, dailyFeeAud, effectiveFrom, effectiveUntil }) => {
    const days = intersectPeriod(monthDays(month), effectiveFrom, effectiveUntil);
    return days ? [{ ...days, percentage: revenuePercentage, dailyFee: dailyFeeAud }] : [];
  });

/** Reads a report's terms from its file; null until they are there, and `isMissing` where they cannot be had. */
export function useSettledTerms(reportId: string | null): { terms: Terms[] | null; isMissing: boolean } {
  const client = useClient();
  const [found, setFound] = useState<{ of: string; terms: Terms[] | null } | null>(null);

  useEffect(() => {
    if (reportId === null) return;
    const controller = new AbortController();
    const read = async () => {
      const variables = { id: reportId, format: "JSON" as const };
      // The link is good for a few minutes alone.
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
      .then((terms) => controller.signal.aborted || setFound({ of: reportId, terms }));
    return () => controller.abort();
  }, [client, reportId]);

  const isCurrent = found !== null && found.of === reportId;
  return { terms: isCurrent ? found.terms : null, isMissing: isCurrent && found.terms === null };
}

/** Returns the day behind the last one of a month in NEM time, as an instant: it is over then. */
export const monthEndMs = (month: string) => Date.parse(`${monthDays(month).until}T00:00:00+10:00`);

/** Returns the last day of a period that stops before `until`. */
export const lastDay = (until: string) => addDays(until, -1);
