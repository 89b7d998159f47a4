/** What is shown of a day: the API's figures, and whether they are of all of it. */

import { formatQuantity } from "../components/format";
import type {
  EnergyType,
  ListEnergyTypeDailyStatsQuery,
  ListParkDailyStatsQuery,
  ParkDetailsFragment,
} from "../schema";
import { quarterHoursInDay } from "./quarterHours";

export type Park = ParkDetailsFragment;
type ParkDay = ListParkDailyStatsQuery["listParkDailyStats"]["items"][number];
type EnergyTypeDay = ListEnergyTypeDailyStatsQuery["listEnergyTypeDailyStats"]["items"][number];

export const ENERGY_TYPES: Record<EnergyType, string> = { SOLAR: "Solar", WIND: "Wind" };

/** A day of a park, or of an energy type. Powers are in MW. */
export interface DayStats {
  key: string;
  /** Whose it is: a park's name, or an energy type's. */
  of: string;
  date: string;
  minPowerMw: number;
  meanPowerMw: number;
  maxPowerMw: number;
  sumPowerMw: number;
  readingCount: number;
  /** Parks that have readings on this day, of those that were asked for. */
  parkCount: number;
  totalParkCount: number;
  /** How many quarters of an hour it has, in all those parks together; null where that is not known. */
  quarterCount: number | null;
  isComplete: boolean;
  /** What there is to say of it, if anything. */
  note: string;
}

export function fromParkDay(day: ParkDay): DayStats {
  return { ...day, key: `${day.park.id} ${day.date}`, of: day.park.name, ...completeness(day, 1, [day.park]) };
}

/** Orders days of parks, which come by the parks' ids, by the parks' names. */
export const compareDays = (one: DayStats, other: DayStats) =>
  one.date < other.date ? -1 : one.date > other.date ? 1 : one.of.localeCompare(other.of, "en-AU", { numeric: true });

/** `parks` are those that were asked for. */
export function fromEnergyTypeDay(day: EnergyTypeDay, parks: readonly Park[]): DayStats {
  const of = parks.filter(({ energyType }) => energyType === day.energyType);
  const key = `${day.energyType} ${day.date}`;
  return { ...day, key, of: ENERGY_TYPES[day.energyType], ...completeness(day, day.parkCount, of) };
}

function completeness(
  { date, readingCount }: { date: string; readingCount: number },
  parkCount: number,
  parks: readonly Park[],
): Pick<DayStats, "parkCount" | "totalParkCount" | "quarterCount" | "isComplete" | "note"> {
  const lengths = parks.map(({ timezone }) => quarterHoursInDay(date, timezone));
  const quarterCount = totalQuarterHours(lengths, parkCount);
  const isComplete = quarterCount === null || readingCount >= quarterCount;
  const changed = describeClockChange(lengths);
  const found =
    quarterCount === null || (isComplete && !changed) ? "" : `${readingCount} of ${quarterCount} quarters of an hour`;
  const note = [found, changed].filter(Boolean).join(": ");
  return { parkCount, totalParkCount: parks.length, quarterCount, isComplete, note };
}

/** Adds up the quarters of as many parks as have readings: which ones is not said, nor needed where their days are as long. */
function totalQuarterHours(lengths: (number | null)[], parkCount: number): number | null {
  const [first = null] = lengths;
  if (first !== null && lengths.every((length) => length === first)) return first * parkCount;
  if (parkCount !== lengths.length) return null;
  return lengths.reduce((sum, length) => (sum === null || length === null ? null : sum + length), 0);
}

function describeClockChange(lengths: (number | null)[]): string {
  const changed = new Set(lengths.filter((length) => length !== null && length !== 96));
  if (changed.size === 0) return "";
  if (changed.size > 1 || lengths.includes(96)) return "clocks were changed at some parks";
  return Number([...changed][0]) < 96 ? "clocks went forward" : "clocks went back";
}

const FIGURES = ["minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw"] as const;
export type PowerField = (typeof FIGURES)[number];

/** Writes the figures of a column, all with as many digits behind the point: those of the one that has the most. */
export function formatColumn(
  days: readonly DayStats[],
  figure: PowerField,
): { write: (day: DayStats) => string; maxLength: number } {
  const digits = Math.max(0, ...days.map((day) => formatQuantity(day[figure]).split(".")[1]?.length ?? 0));
  const written = new Intl.NumberFormat("en-AU", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const write = (day: DayStats) => written.format(day[figure]).replace("-", "−");
  return { write, maxLength: Math.max(0, ...days.map((day) => write(day).length)) };
}

/** The columns of a file of days, and its rows: with the API's names and figures, to the last digit. */
export const fileColumns = (of: "park" | "energyType") => {
  return ["date", of, ...FIGURES, "readingCount", "quarterCount", "parkCount", "isComplete"];
};

export const fileRow = (day: DayStats) => [
  day.date,
  day.of,
  ...FIGURES.map((figure) => String(day[figure])),
  String(day.readingCount),
  String(day.quarterCount ?? ""),
  String(day.parkCount),
  String(day.isComplete),
];
