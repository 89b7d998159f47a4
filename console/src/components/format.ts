/** How figures, days and moments are written: as Australians write them. */

const LOCALE = "en-AU";

const integerFormat = new Intl.NumberFormat(LOCALE);
const decimalFormat = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 6 });
const dayFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const monthFormat = new Intl.DateTimeFormat(LOCALE, { month: "long", year: "numeric", timeZone: "UTC" });
const dateTimeFormat = new Intl.DateTimeFormat(LOCALE, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
  timeZoneName: "short",
});

/** Writes an amount in Australian dollars, exact as it came ("-1234.5" → "−$1,234.50"). */
export function formatMoney(aud: string): string {
  const [, sign, dollars = "0", cents = ""] = /^(-?)(\d*)\.?(\d*)$/.exec(aud) ?? [];
  return `${sign ? "−" : ""}$${dollars.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents.padEnd(2, "0")}`;
}

/** Returns an amount, written to the cent, in cents: what is added up is whole, never a float. */
export function parseCents(aud: string): bigint {
  const [, sign, dollars = "0", part = ""] = /^(-?)(\d*)\.?(\d{0,2})$/.exec(aud) ?? [];
  const amount = BigInt(dollars || "0") * 100n + BigInt(part.padEnd(2, "0"));
  return sign ? -amount : amount;
}

/** Writes cents as an amount in dollars, as the API writes it ("-1234.50"). */
export function centsToDecimal(amount: bigint): string {
  const size = amount < 0n ? -amount : amount;
  return `${amount < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
}

/** Writes a whole number: 1,234,567. */
export const formatInteger = (figure: number) => integerFormat.format(figure);

/** Writes how many there are of what is named by its singular: 1 line, 1,234 lines. */
export const formatCount = (figure: number, one: string) => `${formatInteger(figure)} ${one}${figure === 1 ? "" : "s"}`;

/** Writes a quantity with the digits it has, at most six behind the point. */
export const formatQuantity = (figure: number) => decimalFormat.format(figure).replace("-", "−");

export const formatKwh = (figure: number) => `${formatQuantity(figure)} kWh`;
export const formatPercent = (figure: number) => `${formatQuantity(figure)} %`;

/** Writes a day, given as YYYY-MM-DD: 1 Sept 2025. */
export const formatDay = (date: string) => dayFormat.format(new Date(`${date}T00:00:00Z`));

/** Writes a month, given as YYYY-MM: September 2025. */
export const formatMonth = (text: string) => monthFormat.format(new Date(`${text}-01T00:00:00Z`));

/** Writes a moment in the reader's own time, and says which that is: 1 Sept 2025, 9:05 am AEST. */
export const formatDateTime = (instant: string) => dateTimeFormat.format(new Date(instant));

/** Writes a number of bytes: 12.3 MB. */
export function formatBytes(size: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = size < 1000 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), units.length - 1);
  const digits = power === 0 ? 0 : 1;
  return `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(size / 1000 ** power)} ${units[power]}`;
}

/** Writes a span of time in words: 2 min 5 s. */
export function formatDuration(seconds: number): string {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
}

/** Writes a period of days, [from, until): either end is open where it is null. The last day is named, not the one behind it. */
export function formatPeriod(from: string | null, until: string | null): string {
  if (!from && !until) return "for all time";
  if (!until) return `from ${formatDay(from as string)}`;
  const last = formatDay(dayBefore(until));
  return from ? `${formatDay(from)} to ${last}` : `until ${last}`;
}

/** Returns the day before one, both YYYY-MM-DD. */
export const dayBefore = (date: string) => addDays(date, -1);

/** Returns the day so many days on, both YYYY-MM-DD. */
export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

const NEM_AHEAD_MS = 10 * 3600 * 1000;

/** Returns today's settlement date, YYYY-MM-DD: in NEM time, UTC+10 all year. */
export const today = () => new Date(Date.now() + NEM_AHEAD_MS).toISOString().slice(0, 10);

/** Returns the month so many months on, both YYYY-MM. */
export function addMonths(text: string, months: number): string {
  const [year = 0, of = 1] = text.split("-").map(Number);
  const total = year * 12 + of - 1 + months;
  return `${String(Math.floor(total / 12)).padStart(4, "0")}-${String((total % 12) + 1).padStart(2, "0")}`;
}

export const thisMonth = () => today().slice(0, 7);
