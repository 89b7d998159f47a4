/** A day's statistics from the API, with the check whether the day is complete. */

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

/** The statistics of a day, for a park or an energy type. */
export interface DayStats {
  key: string;
  /** The name of the park or energy type. */
  of: string;
  date: string;
  minPowerMw: number;
  meanPowerMw: number;
  maxPowerMw: number;
  sumPowerMw: number;
  readingCount: number;
  /** The number of queried parks with readings on this day. */
  parkCount: number;
  totalParkCount: number;
  /** The expected number of readings of those parks, one for each quarter of an hour; null if unknown. */
  quarterCount: number | null;
  isComplete: boolean;
  /** A remark on completeness or a change of the clocks; may be empty. */
  note: string;
}

export function fromParkDay(day: ParkDay): DayStats {
  return { ...day, key: `${day.park.id} ${day.date}`, of: day.park.name, ...completeness(day, 1, [day.park]) };
}

/** Compares by date, then by name. The API orders a day's parks by id. */
export const compareDays = (one: DayStats, other: DayStats) =>
  one.date < other.date ? -1 : one.date > other.date ? 1 : one.of.localeCompare(other.of, "en-AU", { numeric: true });

/** Converts a day of an energy type; `parks` are the queried parks. */
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
    quarterCount === null || (isComplete && !changed) ? "" : `${readingCount} of ${quarterCount} quarter hours`;
  const note = [found, changed].filter(Boolean).join(": ");
  return { parkCount, totalParkCount: parks.length, quarterCount, isComplete, note };
}

/**
 * Adds up the quarter hours of the parks with readings. The API returns the number of these parks but not which they
 * are, so the result is null if the days of the parks differ in length and only some have readings.
 */
function totalQuarterHours(lengths: (number | null)[], parkCount: number): number | null {
  const [first = null] = lengths;
  if (first !== null && lengths.every((length) => length === first)) return first * parkCount;
  if (parkCount !== lengths.length) return null;
  return lengths.reduce((sum, length) => (sum === null || length === null ? null : sum + length), 0);
}

function describeClockChange(lengths: (number | null)[]): string {
  const changed = new Set(lengths.filter((length) => length !== null && length !== 96));
  if (changed.size === 0) return "";
  if (changed.size > 1 || lengths.includes(96)) return "clocks changed at some parks";
  return Number([...changed][0]) < 96 ? "clocks went forward" : "clocks went back";
}

const FIGURES = ["minPowerMw", "meanPowerMw", "maxPowerMw", "sumPowerMw"] as const;
export type PowerField = (typeof FIGURES)[number];

/** Returns a formatter that gives all figures of a column the same number of decimals, as many as the longest needs. */
export function formatColumn(
  days: readonly DayStats[],
  figure: PowerField,
): { write: (day: DayStats) => string; maxLength: number } {
  const digits = Math.max(0, ...days.map((day) => formatQuantity(day[figure]).split(".")[1]?.length ?? 0));
  const written = new Intl.NumberFormat("en-AU", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const write = (day: DayStats) => written.format(day[figure]).replace("-", "−");
  return { write, maxLength: Math.max(0, ...days.map((day) => write(day).length)) };
}

/** The columns of the CSV file. Names and figures are as in the API, with all digits. */
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
