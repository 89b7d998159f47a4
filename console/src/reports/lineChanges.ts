/** The differences between two revisions of a report, line by line, with their causes. */

import { centsToDecimal, formatKwh, formatMoney, formatQuantity, parseCents } from "../components/format";
import { formatDifference, LINE_FIGURES, type Line, lineKey } from "./figures";

export type Cause = "Membership" | "Batteries" | "Events" | "Terms" | "Other sites" | "Name";

export const CAUSE_DESCRIPTIONS: Record<Cause, string> = {
  Membership: "Its member days changed, or it joined or left the VPP",
  Batteries: "The capacity of its batteries changed",
  Events: "The value of its events changed: events were imported or reverted",
  Terms: "The VPP's percentage or daily fee changed",
  "Other sites": "No change of this site: the revenue or capacity of other sites changed, and with it the shared pool",
  Name: "Its NMI or address was corrected",
};

export interface Change {
  key: string;
  nmi: string;
  address: string;
  causes: Cause[];
  /** The evidence for the causes: the figures before and after. */
  details: string[];
  before: Line | null;
  after: Line | null;
  /** The increase of the site's amount after fees, in cents. */
  difference: bigint;
}

/** Compares the lines of two revisions. */
export function compareLines(before: readonly Line[], after: readonly Line[], termsChanged: boolean): Change[] {
  const [from, to] = [before, after].map((lines) => new Map(lines.map((line) => [lineKey(line), line]))) as [
    Map<string, Line>,
    Map<string, Line>,
  ];
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((key) => {
    const [old, now] = [from.get(key) ?? null, to.get(key) ?? null];
    const shown = now ?? old;
    if (!shown || (old && now && isSame(old, now))) return [];
    return {
      ...{ key, nmi: shown.nmi, address: shown.address, before: old, after: now },
      ...findCauses(old, now, termsChanged),
      difference: parseCents(now?.afterFeesAud ?? "0") - parseCents(old?.afterFeesAud ?? "0"),
    };
  });
}

const isSame = (old: Line, now: Line) =>
  old.nmi === now.nmi &&
  old.address === now.address &&
  old.capacityKwh === now.capacityKwh &&
  old.memberDays === now.memberDays &&
  LINE_FIGURES.every(({ id }) => old[id] === now[id]);

function findCauses(old: Line | null, now: Line | null, termsChanged: boolean) {
  if (!old || !now) return { causes: ["Membership" as const], details: [now ? "joined the VPP" : "left the VPP"] };
  const causes: Cause[] = [];
  const details: string[] = [];
  const addCause = (cause: Cause, sentence: string) => {
    causes.push(cause);
    details.push(sentence);
  };
  if (old.memberDays !== now.memberDays) addCause("Membership", `${old.memberDays} → ${now.memberDays} days`);
  if (old.capacityKwh !== now.capacityKwh)
    addCause("Batteries", `${formatQuantity(old.capacityKwh)} → ${formatKwh(now.capacityKwh)}`);
  if (old.revenueAud !== now.revenueAud)
    addCause("Events", `revenue ${formatMoney(old.revenueAud)} → ${formatMoney(now.revenueAud)}`);
  if (termsChanged) addCause("Terms", `fees ${formatMoney(fees(old))} → ${formatMoney(fees(now))}`);
  if (old.nmi !== now.nmi) addCause("Name", `NMI ${old.nmi} → ${now.nmi}`);
  if (old.address !== now.address) addCause("Name", `${old.address} → ${now.address}`);
  if (causes.length === 0)
    addCause(
      "Other sites",
      `capacity share ${formatDifference(parseCents(now.capacityShareAud) - parseCents(old.capacityShareAud))}`,
    );
  return { causes: [...new Set(causes)], details };
}

const fees = (line: Line) => centsToDecimal(parseCents(line.adValoremFeeAud) + dailyFeeDue(line));
const dailyFeeDue = (line: Line) => parseCents(line.dailyFeeAud) + parseCents(line.waivedFeeAud);

/** Groups changes by their causes, and sums them up. */
export function groupByCause(changes: readonly Change[]): { causes: Cause[]; sites: number; difference: bigint }[] {
  const groups = new Map<string, { causes: Cause[]; sites: number; difference: bigint }>();
  for (const { causes, difference } of changes) {
    const group = groups.get(causes.join()) ?? { causes, sites: 0, difference: 0n };
    groups.set(causes.join(), { causes, sites: group.sites + 1, difference: group.difference + difference });
  }
  return [...groups.values()].sort((one, other) => other.sites - one.sites);
}
