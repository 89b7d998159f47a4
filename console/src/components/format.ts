/** Formats numbers, dates and times as in Australia. */

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

/** Formats an amount in Australian dollars, with all the digits given ("-1234.5" → "−$1,234.50"). */
export function formatMoney(aud: string): string {
  const [, sign, dollars = "0", cents = ""] = /^(-?)(\d*)\.?(\d*)$/.exec(aud) ?? [];
  return `${sign ? "−" : ""}$${dollars.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents.padEnd(2, "0")}`;
}

/** Parses a decimal amount in dollars, at most two decimals, to cents. Sums use these integers, never floats. */
export function parseCents(aud: string): bigint {
  const [, sign, dollars = "0", part = ""] = /^(-?)(\d*)\.?(\d{0,2})$/.exec(aud) ?? [];
  const amount = BigInt(dollars || "0") * 100n + BigInt(part.padEnd(2, "0"));
  return sign ? -amount : amount;
}

/** Formats cents as the API's decimal string in dollars ("-1234.50"). */
export function centsToDecimal(amount: bigint): string {
  const size = amount < 0n ? -amount : amount;
  return `${amount < 0n ? "-" : ""}${size / 100n}.${String(size % 100n).padStart(2, "0")}`;
}

/** Formats an integer: 1,234,567. */
export const formatInteger = (figure: number) => integerFormat.format(figure);

/** Formats a count with its noun, given in the singular: 1 line, 1,234 lines. */
export const formatCount = (figure: number, noun: string) =>
  `${formatInteger(figure)} ${noun}${figure === 1 ? "" : "s"}`;

/** Formats a number with at most six decimals. */
export const formatQuantity = (figure: number) => decimalFormat.format(figure).replace("-", "−");

export const formatKwh = (figure: number) => `${formatQuantity(figure)} kWh`;
export const formatPercent = (figure: number) => `${formatQuantity(figure)} %`;

/** Formats a day, YYYY-MM-DD: 1 Sept 2025. */
export const formatDay = (date: string) => dayFormat.format(new Date(`${date}T00:00:00Z`));

/** Formats a month, YYYY-MM: September 2025. */
export const formatMonth = (text: string) => monthFormat.format(new Date(`${text}-01T00:00:00Z`));

/** Formats an instant in the browser's timezone, which is named: 1 Sept 2025, 9:05 am AEST. */
export const formatDateTime = (instant: string) => dateTimeFormat.format(new Date(instant));

/** Formats a number of bytes, in decimal units: 12.3 MB. */
export function formatBytes(size: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = size < 1000 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), units.length - 1);
  const digits = power === 0 ? 0 : 1;
  return `${new Intl.NumberFormat(LOCALE, { maximumFractionDigits: digits }).format(size / 1000 ** power)} ${units[power]}`;
}

/** Formats a duration: 2 min 5 s. */
export function formatDuration(seconds: number): string {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
}

/** Formats the period [from, until), either end open if null. The text names the last day: the day before `until`. */
export function formatPeriod(from: string | null, until: string | null): string {
  if (!from && !until) return "for all time";
  if (!until) return `from ${formatDay(from as string)}`;
  const last = formatDay(dayBefore(until));
  return from ? `${formatDay(from)} to ${last}` : `until ${last}`;
}

/** Returns the day before a day, both YYYY-MM-DD. */
export const dayBefore = (date: string) => addDays(date, -1);

/** Adds days to a day, both YYYY-MM-DD. */
export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

const NEM_TIME_OFFSET_MS = 10 * 3600 * 1000;

/** Returns today's settlement date, YYYY-MM-DD, in NEM time (UTC+10 all year). */
export const today = () => new Date(Date.now() + NEM_TIME_OFFSET_MS).toISOString().slice(0, 10);

/** Adds months to a month, both YYYY-MM. */
export function addMonths(text: string, months: number): string {
  const [year = 0, of = 1] = text.split("-").map(Number);
  const total = year * 12 + of - 1 + months;
  return `${String(Math.floor(total / 12)).padStart(4, "0")}-${String((total % 12) + 1).padStart(2, "0")}`;
}

export const thisMonth = () => today().slice(0, 7);
