/** The length of a timezone's days: 96 quarter hours, except when its clocks change. */

import { addDays } from "../components/format";

const QUARTER_MS = 15 * 60 * 1000;
const DAY_MS = 96 * QUARTER_MS;

const formatCache = new Map<string, Intl.DateTimeFormat | null>();
const quarterHourCache = new Map<string, number>();

/** Returns the number of quarter hours of a day (YYYY-MM-DD) in a timezone; null if the browser does not know it. */
export function quarterHoursInDay(date: string, timezone: string): number | null {
  const clock = timezoneFormat(timezone);
  if (clock === null) return null;
  const key = `${timezone} ${date}`;
  const quarters =
    quarterHourCache.get(key) ?? (startOfDay(addDays(date, 1), clock) - startOfDay(date, clock)) / QUARTER_MS;
  quarterHourCache.set(key, quarters);
  return quarters;
}

/** Returns the first instant of a local day, even if the clocks change at midnight. */
function startOfDay(date: string, clock: Intl.DateTimeFormat): number {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const [early = midnight, late = midnight] = [midnight - DAY_MS, midnight + DAY_MS]
    .map((near) => midnight - (localTimeAsUtc(near, clock) - near))
    .sort((a, b) => a - b);
  return localTimeAsUtc(early, clock) >= midnight ? early : late;
}

/** Returns the local time at an instant, encoded as if it were UTC. */
function localTimeAsUtc(instant: number, clock: Intl.DateTimeFormat): number {
  const part = Object.fromEntries(clock.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function timezoneFormat(timezone: string): Intl.DateTimeFormat | null {
  const cached = formatCache.get(timezone);
  if (cached !== undefined) return cached;
  let clock: Intl.DateTimeFormat | null = null;
  try {
    clock = new Intl.DateTimeFormat("en-AU", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    // The server knows this name, but the browser does not.
  }
  formatCache.set(timezone, clock);
  return clock;
}
