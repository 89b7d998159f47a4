/** What is different from one revision of a report to another, line by line, and by what. */

import { cents, dollars, kwh, money, quantity } from "../components/format";
import { difference, keyOf, LINE_FIGURES, type Line } from "./figures";

export type Cause = "Membership" | "Batteries" | "Events" | "Terms" | "Others" | "Name";

export const CAUSES: Record<Cause, string> = {
  Membership: "Its days as a member are others, or it has come or gone",
  Batteries: "Its batteries' capacity is another",
  Events: "Its events earned another sum: some were imported, or reverted",
  Terms: "The VPP's percentage or daily fee is another",
  Others: "Nothing of its own: others' revenue or capacity changed, and with it the pool that all share",
  Name: "Its NMI or address was corrected",
};

export interface Change {
  key: string;
  nmi: string;
  address: string;
  causes: Cause[];
  /** What tells of the causes: the figures before and after. */
  told: string[];
  before: Line | null;
  after: Line | null;
  /** By which the site gets more, in cents. */
  difference: bigint;
}

/** Compares the lines of two revisions. `termsChanged` is null where the terms are not known: then the fees tell. */
export function changesOf(before: readonly Line[], after: readonly Line[], termsChanged: boolean | null): Change[] {
  const [from, to] = [before, after].map((lines) => new Map(lines.map((line) => [keyOf(line), line]))) as [
    Map<string, Line>,
    Map<string, Line>,
  ];
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((key) => {
    const [old, now] = [from.get(key) ?? null, to.get(key) ?? null];
    const shown = now ?? old;
    if (!shown || (old && now && isSame(old, now))) return [];
    return {
      ...{ key, nmi: shown.nmi, address: shown.address, before: old, after: now },
      ...because(old, now, termsChanged),
      difference: cents(now?.afterFeesAud ?? "0") - cents(old?.afterFeesAud ?? "0"),
    };
  });
}

const isSame = (old: Line, now: Line) =>
  old.nmi === now.nmi &&
  old.address === now.address &&
  old.capacityKwh === now.capacityKwh &&
  old.memberDays === now.memberDays &&
  LINE_FIGURES.every(({ id }) => old[id] === now[id]);

function because(old: Line | null, now: Line | null, termsChanged: boolean | null) {
  if (!old || !now)
    return { causes: ["Membership" as const], told: [now ? "came into the VPP" : "is no longer in it"] };
  const causes: Cause[] = [];
  const told: string[] = [];
  const note = (cause: Cause, sentence: string) => {
    causes.push(cause);
    told.push(sentence);
  };
  if (old.memberDays !== now.memberDays) note("Membership", `${old.memberDays} → ${now.memberDays} days`);
  if (old.capacityKwh !== now.capacityKwh) note("Batteries", `${quantity(old.capacityKwh)} → ${kwh(now.capacityKwh)}`);
  if (old.revenueAud !== now.revenueAud) note("Events", `revenue ${money(old.revenueAud)} → ${money(now.revenueAud)}`);
  if (termsChanged ?? haveOtherFees(old, now)) note("Terms", `fees ${money(fees(old))} → ${money(fees(now))}`);
  if (old.nmi !== now.nmi) note("Name", `NMI ${old.nmi} → ${now.nmi}`);
  if (old.address !== now.address) note("Name", `${old.address} → ${now.address}`);
  if (causes.length === 0)
    note("Others", `capacity share ${difference(cents(now.capacityShareAud) - cents(old.capacityShareAud))}`);
  return { causes: [...new Set(causes)], told };
}

const fees = (line: Line) => dollars(cents(line.adValoremFeeAud) + dueOf(line));
const dueOf = (line: Line) => cents(line.dailyFeeAud) + cents(line.waivedFeeAud);

/** Whether the fees alone say that the terms are others: not by a cent, which may be allotted to another. */
function haveOtherFees(old: Line, now: Line): boolean {
  const apart = cents(old.adValoremFeeAud) - cents(now.adValoremFeeAud);
  const isOtherRate = old.revenueAud === now.revenueAud && (apart < -1n || apart > 1n);
  return isOtherRate || (old.memberDays === now.memberDays && dueOf(old) !== dueOf(now));
}

/** Adds up changes of the same causes. */
export function byCause(changes: readonly Change[]): { causes: Cause[]; sites: number; difference: bigint }[] {
  const groups = new Map<string, { causes: Cause[]; sites: number; difference: bigint }>();
  for (const { causes, difference } of changes) {
    const group = groups.get(causes.join()) ?? { causes, sites: 0, difference: 0n };
    groups.set(causes.join(), { causes, sites: group.sites + 1, difference: group.difference + difference });
  }
  return [...groups.values()].sort((one, other) => other.sites - one.sites);
}
