/** The figures of a report: their labels, and how totals add up. */

import { centsToDecimal, formatMoney, parseCents } from "../components/format";
import type { LineFragment, ReportTotalsFragment } from "../schema";

export type Line = LineFragment;
export type Totals = ReportTotalsFragment;
export type LineFigure = Extract<keyof Line, `${string}Aud`>;

/** A line's amounts, in the order of the calculation; `column` is the name in the settled CSV file. */
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

/** A report's totals, and the line amounts that add up to each total: none for cost-only, which belongs to no site. */
export const TOTALS: { id: keyof Totals; label: string; lineFigures: LineFigure[] }[] = [
  { id: "totalRevenueAud", label: "Total revenue", lineFigures: ["revenueAud"] },
  { id: "adValoremFeeAud", label: "Ad valorem fee", lineFigures: ["adValoremFeeAud"] },
  { id: "dailyFeesAud", label: "Daily fees", lineFigures: ["dailyFeeAud"] },
  { id: "siteTotalAud", label: "Site total", lineFigures: ["afterFeesAud"] },
  { id: "costOnlyAud", label: "Cost-only", lineFigures: [] },
  { id: "vppTotalAud", label: "VPP total", lineFigures: ["adValoremFeeAud", "dailyFeeAud"] },
];

/** Identifies a site across revisions, even if its NMI was corrected. */
export const lineKey = ({ site, nmi }: Line) => site?.id ?? nmi;

export const sumLines = (lines: readonly Line[], figure: LineFigure): bigint =>
  lines.reduce((sum, line) => sum + parseCents(line[figure]), 0n);

/** Formats cents as a signed difference: +$1.00, −$1.00, $0.00. */
export const formatDifference = (amount: bigint) => `${amount > 0n ? "+" : ""}${formatMoney(centsToDecimal(amount))}`;

/** Whether the lines add up to the totals, as they must if all lines are loaded. */
export const linesMatchTotals = (lines: readonly Line[], totals: Totals): boolean =>
  TOTALS.filter(({ id }) => id !== "vppTotalAud" && id !== "costOnlyAud").every(
    ({ id, lineFigures }) =>
      lineFigures.reduce((sum, figure) => sum + sumLines(lines, figure), 0n) === parseCents(totals[id]),
  );
