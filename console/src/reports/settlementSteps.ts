/** The steps of a line's settlement, as the server explains them. */

import { parseCents } from "../components/format";
import type { ExplainLineQuery, SettlementRule } from "../schema";
import { Fraction } from "./fraction";

export type ExplainedLine = NonNullable<NonNullable<ExplainLineQuery["getRevenueReport"]>["lineItem"]>;
export type Step = NonNullable<ExplainedLine["steps"]>[number];

export const RULES: Record<SettlementRule, { title: string; description: string }> = {
  REVENUE: {
    title: "Revenue",
    description: "The sum of kWh × c/kWh ÷ 100 over the site's events: plus for a discharge, minus for a charge.",
  },
  AD_VALOREM_FEE: {
    title: "Ad valorem fee",
    description: "The VPP takes its percentage of the site's revenue first.",
  },
  REST: { title: "Rest", description: "The revenue less the ad valorem fee." },
  EVENT_SHARE: { title: "Event share", description: "80 % of the rest goes to the site whose events earned it." },
  CAPACITY_SHARE: {
    title: "Capacity share",
    description:
      "The other 20 % of all rests is pooled and shared by all members in proportion to their batteries' capacity.",
  },
  DAILY_FEE_DUE: {
    title: "Daily fee due",
    description: "The daily fee for 28 days of every month, in proportion for part of a month.",
  },
  BEFORE_FEES: { title: "Before fees", description: "Event share plus capacity share." },
  DAILY_FEE_TAKEN: {
    title: "Daily fee taken",
    description: "The fee due, as far as the shares cover it: a fee never takes a site below zero.",
  },
  WAIVED_FEE: {
    title: "Waived",
    description: "The part of the fee due that could not be taken. It is not charged later.",
  },
  AFTER_FEES: { title: "After fees", description: "The amount that the site receives." },
};

/** The calculation of a step, one string per line: by span, if the site was a member in several. */
export function formatCalculation(
  { formula, exactAud, spans }: Step,
  formatDays: (span: Step["spans"][number]) => string,
) {
  if (spans.length <= 1) return hasOperator(formula) ? [`${formatExact(formula)} = ${formatExact(exactAud)}`] : [];
  return [
    ...spans.map(
      (span) =>
        `${formatDays(span)}: ${hasOperator(span.formula) ? `${formatExact(span.formula)} = ` : ""}${formatExact(span.exactAud)}`,
    ),
    `Together: ${formatExact(exactAud)}`,
  ];
}

/** The rounding of a step's exact value to its amount; null if they are equal. */
export function formatRounding({ exactAud, amountAud }: Step, formattedAmount: string): string | null {
  const exact = Fraction.parse(exactAud);
  if (exact.equals(Fraction.parse(amountAud))) return null;
  const isAllotted = exact.cents !== parseCents(amountAud);
  return `${formatExact(exactAud)} is ${formattedAmount} to the cent${isAllotted ? ", allotted so that all parts add up to the total" : ""}.`;
}

const hasOperator = (formula: string) => formula.includes(" ");

/** Writes each fraction, such as 16/3, as a decimal that is cut off: 5.333333… */
const formatExact = (text: string) =>
  text.replace(/\d+\/\d+/g, (fraction) => Fraction.parse(fraction).money.replace(/[$,]/g, "")).replace(/^-/, "−");
