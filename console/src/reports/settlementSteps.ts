/** How one site's figures came about: the steps of settlement, each with its rule and with this site's numbers. */

import { cents, count, counted, dollars, formatPeriod, kwh, money, percent } from "../components/format";
import type { ListSiteEventsQuery } from "../schema";
import { type Line, sumOf } from "./figures";
import { Exact } from "./fraction";
import { daysBetween, monthDays, runs, type Terms, within } from "./terms";

export type SiteEvent = NonNullable<ListSiteEventsQuery["getSite"]>["events"]["items"][number];

export interface Step {
  title: string;
  /** What is done, in the words of settlement. */
  rule: string;
  /** The same in this site's numbers, a line each; empty where they cannot be known. */
  formula: string[];
  /** What the formula comes to, unrounded; null where it is not known. */
  exact: Exact | null;
  /** The figure of the report, in AUD. */
  amount: string;
  note?: string;
}

export interface Days {
  from: string;
  until: string;
}

interface Given {
  line: Line;
  month: string;
  /** The terms, span by span. */
  spans: readonly Terms[];
  /** The days of the month on which the site is a member as things stand now; null where that is not known. */
  memberDays: readonly Days[] | null;
  /** The events of those days; null where they are not known. */
  events: readonly SiteEvent[] | null;
  /** All lines of the report; null for whom the others' are not. */
  lines: readonly Line[] | null;
}

const HUNDRED = Exact.of(100);
const EVENT_PART = Exact.of("0.8");
const CAPACITY_PART = Exact.of("0.2");
const FEE_DAYS_A_MONTH = 28;

/** A discharge that cost money is no part of the revenue: the VPP bears it. */
export const isCostOnly = ({ eventType, valueAud }: SiteEvent) => eventType === "DISCHARGE" && valueAud.startsWith("-");

const worthOf = (events: readonly SiteEvent[]) => Exact.sum(events.map(({ valueAud }) => Exact.of(valueAud)));

const energyOf = (events: readonly SiteEvent[], eventType: SiteEvent["eventType"]) =>
  Exact.sum(events.filter((event) => event.eventType === eventType).map(({ energyKwh }) => Exact.of(energyKwh)));

/** Writes an energy or capacity that was added up exactly. */
const writeKwh = (sum: Exact) => kwh(Number(sum.units(6)) / 1e6);

/** Whether what the events come to now is what was settled: a cent may have been allotted to it, or to another. */
export function isAsSettled(line: Line, events: readonly SiteEvent[]): boolean {
  const apart = worthOf(events.filter((event) => !isCostOnly(event))).cents - cents(line.revenueAud);
  return apart >= -1n && apart <= 1n;
}

export function stepsOf({ line, month, spans, memberDays, events, lines }: Given): Step[] {
  const terms = runs(spans);
  const known = events !== null && isAsSettled(line, events) ? events : null;
  const revenues = revenueOf(line, terms, known);
  const revenue = revenues && Exact.sum(revenues);
  const fees = revenues?.map((each, index) => each.times(rateOf(terms[index])));
  const fee = fees ? Exact.sum(fees) : null;
  const rest = revenue && fee && revenue.minus(fee);
  const due = dailyFeeDue(line, month, terms, memberDays);
  const dueAud = dollars(cents(line.dailyFeeAud) + cents(line.waivedFeeAud));

  return [
    revenueStep(line, known),
    {
      title: "Ad valorem fee",
      rule: "The VPP takes its percentage of the site's revenue first.",
      formula: revenues
        ? terms.map(
            ({ percentage }, index) =>
              `${percent(percentage)} × ${revenues[index]?.money} = ${fees?.[index]?.money}${daysOf(terms, index)}`,
          )
        : terms.map(({ percentage }, index) => `${percent(percentage)} of its revenue${daysOf(terms, index)}`),
      exact: fee,
      amount: line.adValoremFeeAud,
    },
    {
      title: "Rest",
      rule: "What is left of the revenue.",
      formula: revenue && fee ? [`${revenue.money} − ${fee.money} = ${rest?.money}`] : [],
      exact: rest,
      amount: dollars(cents(line.revenueAud) - cents(line.adValoremFeeAud)),
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
      rule: "Both shares together.",
      formula: [`${money(line.eventShareAud)} + ${money(line.capacityShareAud)} = ${money(line.beforeFeesAud)}`],
      exact: Exact.of(line.beforeFeesAud),
      amount: line.beforeFeesAud,
    },
    {
      title: "Daily fee due",
      rule: "The daily fee for 28 days of every month, and for part of a month its part of them.",
      formula: due?.formula ?? [],
      exact: due?.exact ?? null,
      amount: dueAud,
    },
    {
      title: "Daily fee taken",
      rule: "What is due, as far as the shares cover it: a fee never takes a site below zero.",
      formula: [`the lesser of ${money(dueAud)} and ${money(atLeastNothing(line.beforeFeesAud))}`],
      exact: Exact.of(line.dailyFeeAud),
      amount: line.dailyFeeAud,
      note:
        cents(line.waivedFeeAud) > 0n
          ? `${money(line.waivedFeeAud)} could not be taken. It is waived: nobody owes it.`
          : "Nothing is waived.",
    },
    {
      title: "After fees",
      rule: "What the site gets.",
      formula: [`${money(line.beforeFeesAud)} − ${money(line.dailyFeeAud)} = ${money(line.afterFeesAud)}`],
      exact: Exact.of(line.afterFeesAud),
      amount: line.afterFeesAud,
    },
  ];
}

function revenueStep(line: Line, events: readonly SiteEvent[] | null): Step {
  const earning = events?.filter((event) => !isCostOnly(event)) ?? [];
  const costly = events?.filter(isCostOnly) ?? [];
  return {
    title: "Revenue",
    rule: "The sum of kWh × c/kWh ÷ 100 over the site's events: plus for a discharge, minus for a charge.",
    formula: events
      ? [
          `${counted(earning.length, "event")}: ${writeKwh(energyOf(earning, "DISCHARGE"))} out, ` +
            `${writeKwh(energyOf(earning, "CHARGE"))} in = ${worthOf(earning).money}`,
        ]
      : [],
    exact: events && worthOf(earning),
    amount: line.revenueAud,
    ...(costly.length > 0
      ? {
          note:
            `Apart from it, cost-only: ${counted(costly.length, "event")}, ${writeKwh(energyOf(costly, "DISCHARGE"))} out = ` +
            `${worthOf(costly).money}, which the VPP bears.`,
        }
      : {}),
  };
}

function capacityStep(line: Line, spans: readonly Terms[], lines: readonly Line[] | null, rest: Exact | null): Step {
  const step = {
    title: "Capacity share",
    rule: "The other 20 % of all rests is pooled and shared by all members in proportion to their batteries' capacity.",
    amount: line.capacityShareAud,
  };
  if (lines === null) {
    const note =
      `By your mean capacity, ${kwh(line.capacityKwh)}. What others earned and the capacities they have are theirs, ` +
      "so the pool and your part of it are not shown.";
    return { ...step, formula: [], exact: null, note };
  }
  const pool = Exact.of(dollars(sumOf(lines, "capacityShareAud")));
  const all = Exact.sum(lines.map(({ capacityKwh }) => Exact.of(capacityKwh)));
  if (all.isNothing) {
    const own = rest?.times(CAPACITY_PART) ?? null;
    const note = "No member has any capacity: each keeps its own 20 %.";
    return { ...step, formula: rest ? [`20 % × ${rest.money} = ${own?.money}`] : [], exact: own, note };
  }
  const part = Exact.of(line.capacityKwh).by(all).times(pool);
  const apart = part.cents - cents(line.capacityShareAud);
  if (spans.length > 1 && (apart < -1n || apart > 1n)) {
    const note =
      `The month was cut into ${count(spans.length)} spans of days, since members, capacities or terms changed in it. ` +
      "Each span's pool was shared by the capacities that held in it: there is no one formula for the month.";
    return {
      ...step,
      formula: [`its part of the pool of ${pool.money}, by ${kwh(line.capacityKwh)} in the mean`],
      exact: null,
      note,
    };
  }
  return {
    ...step,
    formula: [`${kwh(line.capacityKwh)} ÷ ${writeKwh(all)} × ${pool.money}, the pool = ${part.money}`],
    exact: part,
  };
}

/** Returns what the site earned under each of the terms; null where only the whole of it is known. */
function revenueOf(line: Line, terms: readonly Terms[], events: readonly SiteEvent[] | null): Exact[] | null {
  if (events === null) return terms.length === 1 ? [Exact.of(line.revenueAud)] : null;
  return terms.map(({ from, until }) =>
    worthOf(
      events.filter((event) => !isCostOnly(event) && event.settlementDate >= from && event.settlementDate < until),
    ),
  );
}

function dailyFeeDue(line: Line, month: string, terms: readonly Terms[], memberDays: readonly Days[] | null) {
  const { days } = monthDays(month);
  const counts = terms.map((each) =>
    terms.length === 1
      ? line.memberDays
      : line.memberDays === days
        ? daysBetween(each.from, each.until)
        : memberDays?.reduce((sum, period) => {
            const shared = within(each, period.from, period.until);
            return sum + (shared ? daysBetween(shared.from, shared.until) : 0);
          }, 0),
  );
  // The site's memberships may have changed since.
  if (counts.reduce<number>((sum, each) => sum + (each ?? 0), 0) !== line.memberDays) return null;
  const parts = terms.map(({ dailyFee }, index) =>
    Exact.of(dailyFee)
      .times(Exact.of(FEE_DAYS_A_MONTH * (counts[index] ?? 0)))
      .by(Exact.of(days)),
  );
  const formula = terms.map(
    ({ dailyFee }, index) =>
      `${money(String(dailyFee))} × 28 × ${counts[index]} ÷ ${days} days = ${parts[index]?.money}${daysOf(terms, index)}`,
  );
  return { formula, exact: Exact.sum(parts) };
}

const rateOf = (terms: Terms | undefined) => Exact.of(terms?.percentage ?? 0).by(HUNDRED);

const atLeastNothing = (aud: string) => (aud.startsWith("-") ? "0.00" : aud);

/** Names the days of terms where there are others in the month. */
const daysOf = (terms: readonly Terms[], index: number) => {
  const { from, until } = terms[index] ?? {};
  return terms.length > 1 && from && until ? `, ${formatPeriod(from, until)}` : "";
};
