/** The steps of the settlement for one site: each with its rule and this site's numbers. */

import {
  centsToDecimal,
  formatCount,
  formatInteger,
  formatKwh,
  formatMoney,
  formatPercent,
  formatPeriod,
  parseCents,
} from "../components/format";
import type { ListSiteEventsQuery } from "../schema";
import { type Line, sumLines } from "./figures";
import { Fraction } from "./fraction";
import { daysBetween, intersectPeriod, mergeSpans, monthDays, type Terms } from "./terms";

export type SiteEvent = NonNullable<ListSiteEventsQuery["getSite"]>["events"]["items"][number];

export interface Step {
  title: string;
  /** The rule in words. */
  rule: string;
  /** The calculation with this site's numbers, one string per line; empty if they are unknown. */
  formula: string[];
  /** The unrounded result of the formula; null if unknown. */
  exact: Fraction | null;
  /** The report's amount, in AUD. */
  amount: string;
  note?: string;
}

export interface DayRange {
  from: string;
  until: string;
}

interface StepInputs {
  line: Line;
  month: string;
  /** The terms of each span. */
  spans: readonly Terms[];
  /** The days of the month on which the site is a member by its current memberships; null if unknown. */
  memberDays: readonly DayRange[] | null;
  /** The events on those days; null if unknown. */
  events: readonly SiteEvent[] | null;
  /** All lines of the report; null for members, who may not see other sites' lines. */
  lines: readonly Line[] | null;
}

const HUNDRED = Fraction.parse(100);
const EVENT_PART = Fraction.parse("0.8");
const CAPACITY_PART = Fraction.parse("0.2");
const FEE_DAYS_A_MONTH = 28;

/** Whether an event is cost-only: a discharge of negative value, which the VPP bears and the revenue leaves out. */
export const isCostOnly = ({ eventType, valueAud }: SiteEvent) => eventType === "DISCHARGE" && valueAud.startsWith("-");

const totalValue = (events: readonly SiteEvent[]) =>
  Fraction.sum(events.map(({ valueAud }) => Fraction.parse(valueAud)));

const totalEnergy = (events: readonly SiteEvent[], eventType: SiteEvent["eventType"]) =>
  Fraction.sum(
    events.filter((event) => event.eventType === eventType).map(({ energyKwh }) => Fraction.parse(energyKwh)),
  );

/** Formats an exact sum of energies or capacities. */
const formatExactKwh = (sum: Fraction) => formatKwh(Number(sum.roundToUnits(6)) / 1e6);

/** Whether the current events still give the settled revenue, within the cent that allotting can add or remove. */
export function matchesSettledRevenue(line: Line, events: readonly SiteEvent[]): boolean {
  const difference = totalValue(events.filter((event) => !isCostOnly(event))).cents - parseCents(line.revenueAud);
  return difference >= -1n && difference <= 1n;
}

export function explainSteps({ line, month, spans, memberDays, events, lines }: StepInputs): Step[] {
  const terms = mergeSpans(spans);
  const known = events !== null && matchesSettledRevenue(line, events) ? events : null;
  const revenues = revenueByTerms(line, terms, known);
  const revenue = revenues && Fraction.sum(revenues);
  const fees = revenues?.map((amount, index) => amount.times(feeRate(terms[index])));
  const fee = fees ? Fraction.sum(fees) : null;
  const rest = revenue && fee && revenue.minus(fee);
  const due = dailyFeeDue(line, month, terms, memberDays);
  const dueAud = centsToDecimal(parseCents(line.dailyFeeAud) + parseCents(line.waivedFeeAud));

  return [
    revenueStep(line, known),
    {
      title: "Ad valorem fee",
      rule: "The VPP takes its percentage of the site's revenue first.",
      formula: revenues
        ? terms.map(
            ({ percentage }, index) =>
              `${formatPercent(percentage)} × ${revenues[index]?.money} = ${fees?.[index]?.money}${periodSuffix(terms, index)}`,
          )
        : terms.map(
            ({ percentage }, index) => `${formatPercent(percentage)} of its revenue${periodSuffix(terms, index)}`,
          ),
      exact: fee,
      amount: line.adValoremFeeAud,
    },
    {
      title: "Rest",
      rule: "The revenue less the ad valorem fee.",
      formula: revenue && fee ? [`${revenue.money} − ${fee.money} = ${rest?.money}`] : [],
      exact: rest,
      amount: centsToDecimal(parseCents(line.revenueAud) - parseCents(line.adValoremFeeAud)),
    },
    {
      title: "Event share",
      rule: "80 % of the rest goes to the site whose events earned it.",
      formula: rest ? [`80 % × ${rest.money} = ${rest.times(EVENT_PART).money}`] : [],
      exact: rest?.times(EVENT_PART) ?? null,
      amount: line.eventShareAud,
    },
    capacityStep(line, spans, lines, rest),
    {
      title: "Before fees",
      rule: "Event share plus capacity share.",
      formula: [
        `${formatMoney(line.eventShareAud)} + ${formatMoney(line.capacityShareAud)} = ${formatMoney(line.beforeFeesAud)}`,
      ],
      exact: Fraction.parse(line.beforeFeesAud),
      amount: line.beforeFeesAud,
    },
    {
      title: "Daily fee due",
      rule: "The daily fee for 28 days of every month, in proportion for part of a month.",
      formula: due?.formula ?? [],
      exact: due?.exact ?? null,
      amount: dueAud,
    },
    {
      title: "Daily fee taken",
      rule: "The fee due, as far as the shares cover it: a fee never takes a site below zero.",
      formula: [`the lesser of ${formatMoney(dueAud)} and ${formatMoney(floorAtZero(line.beforeFeesAud))}`],
      exact: Fraction.parse(line.dailyFeeAud),
      amount: line.dailyFeeAud,
      note:
        parseCents(line.waivedFeeAud) > 0n
          ? `${formatMoney(line.waivedFeeAud)} could not be taken. It is waived: it is not charged later.`
          : "Nothing is waived.",
    },
    {
      title: "After fees",
      rule: "The amount that the site receives.",
      formula: [
        `${formatMoney(line.beforeFeesAud)} − ${formatMoney(line.dailyFeeAud)} = ${formatMoney(line.afterFeesAud)}`,
      ],
      exact: Fraction.parse(line.afterFeesAud),
      amount: line.afterFeesAud,
    },
  ];
}

function revenueStep(line: Line, events: readonly SiteEvent[] | null): Step {
  const earning = events?.filter((event) => !isCostOnly(event)) ?? [];
  const costOnlyEvents = events?.filter(isCostOnly) ?? [];
  return {
    title: "Revenue",
    rule: "The sum of kWh × c/kWh ÷ 100 over the site's events: plus for a discharge, minus for a charge.",
    formula: events
      ? [
          `${formatCount(earning.length, "event")}: ${formatExactKwh(totalEnergy(earning, "DISCHARGE"))} discharged, ` +
            `${formatExactKwh(totalEnergy(earning, "CHARGE"))} charged = ${totalValue(earning).money}`,
        ]
      : [],
    exact: events && totalValue(earning),
    amount: line.revenueAud,
    ...(costOnlyEvents.length > 0
      ? {
          note:
            `Not included, cost-only: ${formatCount(costOnlyEvents.length, "event")}, ${formatExactKwh(totalEnergy(costOnlyEvents, "DISCHARGE"))} discharged = ` +
            `${totalValue(costOnlyEvents).money}, which the VPP bears.`,
        }
      : {}),
  };
}

function capacityStep(line: Line, spans: readonly Terms[], lines: readonly Line[] | null, rest: Fraction | null): Step {
  const step = {
    title: "Capacity share",
    rule: "The other 20 % of all rests is pooled and shared by all members in proportion to their batteries' capacity.",
    amount: line.capacityShareAud,
  };
  if (lines === null) {
    const note =
      `In proportion to your mean capacity, ${formatKwh(line.capacityKwh)}. You cannot see other sites' earnings and capacities, ` +
      "so the pool and your share of it are not shown.";
    return { ...step, formula: [], exact: null, note };
  }
  const pool = Fraction.parse(centsToDecimal(sumLines(lines, "capacityShareAud")));
  const all = Fraction.sum(lines.map(({ capacityKwh }) => Fraction.parse(capacityKwh)));
  if (all.isZero) {
    const own = rest?.times(CAPACITY_PART) ?? null;
    const note = "No member has any capacity, so each site keeps its own 20 %.";
    return { ...step, formula: rest ? [`20 % × ${rest.money} = ${own?.money}`] : [], exact: own, note };
  }
  const part = Fraction.parse(line.capacityKwh).dividedBy(all).times(pool);
  const apart = part.cents - parseCents(line.capacityShareAud);
  if (spans.length > 1 && (apart < -1n || apart > 1n)) {
    const note =
      `The month was settled in ${formatInteger(spans.length)} spans of days, because members, capacities or terms changed. ` +
      "Each span's pool was shared by the capacities in that span, so there is no single formula for the month.";
    return {
      ...step,
      formula: [`its share of the pool of ${pool.money}, by a mean capacity of ${formatKwh(line.capacityKwh)}`],
      exact: null,
      note,
    };
  }
  return {
    ...step,
    formula: [`${formatKwh(line.capacityKwh)} ÷ ${formatExactKwh(all)} × ${pool.money} (pool) = ${part.money}`],
    exact: part,
  };
}

/** Returns the site's revenue under each of the terms; null if only the total is known. */
function revenueByTerms(line: Line, terms: readonly Terms[], events: readonly SiteEvent[] | null): Fraction[] | null {
  if (events === null) return terms.length === 1 ? [Fraction.parse(line.revenueAud)] : null;
  return terms.map(({ from, until }) =>
    totalValue(
      events.filter((event) => !isCostOnly(event) && event.settlementDate >= from && event.settlementDate < until),
    ),
  );
}

function dailyFeeDue(line: Line, month: string, terms: readonly Terms[], memberDays: readonly DayRange[] | null) {
  const { days } = monthDays(month);
  const counts = terms.map((span) =>
    terms.length === 1
      ? line.memberDays
      : line.memberDays === days
        ? daysBetween(span.from, span.until)
        : memberDays?.reduce((sum, period) => {
            const shared = intersectPeriod(span, period.from, period.until);
            return sum + (shared ? daysBetween(shared.from, shared.until) : 0);
          }, 0),
  );
  // The site's memberships may have changed since the report was settled.
  if (counts.reduce<number>((sum, days) => sum + (days ?? 0), 0) !== line.memberDays) return null;
  const parts = terms.map(({ dailyFee }, index) =>
    Fraction.parse(dailyFee)
      .times(Fraction.parse(FEE_DAYS_A_MONTH * (counts[index] ?? 0)))
      .dividedBy(Fraction.parse(days)),
  );
  const formula = terms.map(
    ({ dailyFee }, index) =>
      `${formatMoney(String(dailyFee))} × 28 × ${counts[index]} ÷ ${days} days = ${parts[index]?.money}${periodSuffix(terms, index)}`,
  );
  return { formula, exact: Fraction.sum(parts) };
}

const feeRate = (terms: Terms | undefined) => Fraction.parse(terms?.percentage ?? 0).dividedBy(HUNDRED);

const floorAtZero = (aud: string) => (aud.startsWith("-") ? "0.00" : aud);

/** Returns the period of the terms, as a suffix, if the month has more than one set of terms. */
const periodSuffix = (terms: readonly Terms[], index: number) => {
  const { from, until } = terms[index] ?? {};
  return terms.length > 1 && from && until ? `, ${formatPeriod(from, until)}` : "";
};
