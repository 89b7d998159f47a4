/** What a report's figures are called, and what they are the sums of. */

import { centsToDecimal, formatMoney, parseCents } from "../components/format";
import type { LineFragment, ReportTotalsFragment } from "../schema";

export type Line = LineFragment;
export type Totals = ReportTotalsFragment;
export type LineFigure = Extract<keyof Line, `${string}Aud`>;

/** A line's amounts, in the order in which they follow from one another; `column` is their name in the settled file. */
export const LINE_FIGURES: { id: LineFigure; label: string; column: string }[] = [
  { id: "revenueAud", label: "Revenue", column: "revenue_aud" },
  { id: "adValoremFeeAud", label: "Ad valorem fee", column: "ad_valorem_fee_aud" },
  { id: "eventShareAud", label: "Event share", column: "event_share_aud" },
  { id: "capacityShareAud", label: "Capacity share", column: "capacity_share_aud" },
  { id: "beforeFeesAud", label: "Before fees", column: "before_fees_aud" },
  { id: "dailyFeeAud", label: "Daily fee", column: "daily_fee_aud" },
  { id: "waivedFeeAud", label: "Waived", column: "waived_fee_aud" },
  { id: "afterFeesAud", label: "After fees", column: "after_fees_aud" },
];

/** A report's totals, and the lines' amounts that each of them is the sum of: nobody's, for what no site has part in. */
export const TOTALS: { id: keyof Totals; label: string; lineFigures: LineFigure[] }[] = [
  { id: "totalRevenueAud", label: "Total revenue", lineFigures: ["revenueAud"] },
  { id: "adValoremFeeAud", label: "Ad valorem fee", lineFigures: ["adValoremFeeAud"] },
  { id: "dailyFeesAud", label: "Daily fees", lineFigures: ["dailyFeeAud"] },
  { id: "siteTotalAud", label: "Site total", lineFigures: ["afterFeesAud"] },
  { id: "costOnlyAud", label: "Cost-only", lineFigures: [] },
  { id: "vppTotalAud", label: "VPP total", lineFigures: ["adValoremFeeAud", "dailyFeeAud"] },
];

/** What a site is known by from one revision to the next, though its NMI is corrected. */
export const lineKey = ({ site, nmi }: Line) => site?.id ?? nmi;

export const sumLines = (lines: readonly Line[], figure: LineFigure): bigint =>
  lines.reduce((sum, line) => sum + parseCents(line[figure]), 0n);

/** Writes cents as an amount that was added or taken away: +$1.00, −$1.00, $0.00. */
export const formatDifference = (amount: bigint) => `${amount > 0n ? "+" : ""}${formatMoney(centsToDecimal(amount))}`;

/** Whether all lines add up to the totals, as they do once all are read. */
export const linesMatchTotals = (lines: readonly Line[], totals: Totals): boolean =>
  TOTALS.filter(({ id }) => id !== "vppTotalAud" && id !== "costOnlyAud").every(
    ({ id, lineFigures }) =>
      lineFigures.reduce((sum, figure) => sum + sumLines(lines, figure), 0n) === parseCents(totals[id]),
  );
