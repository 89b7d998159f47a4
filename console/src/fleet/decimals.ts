/** Exact arithmetic on the API's decimal strings, with BigInt instead of floats. */

/** Adds up decimals (["1.1", "-0.075", "0.075"] → "1.1"). */
export function sumDecimals(decimals: readonly string[]): string {
  const digits = decimals.reduce((most, decimal) => Math.max(most, fractionDigits(decimal)), 0);
  const total = decimals.reduce((before, decimal) => before + toScaledInteger(decimal, digits), 0n);
  const magnitude = String(total < 0n ? -total : total).padStart(digits + 1, "0");
  const written = `${magnitude.slice(0, magnitude.length - digits)}.${magnitude.slice(magnitude.length - digits)}`;
  return (total < 0n ? "-" : "") + written.replace(/\.?0*$/, "");
}

/** Formats a decimal with all its digits ("-1234.5" → "−1,234.5"). */
export function formatDecimal(decimal: string): string {
  const [whole = "", part] = decimal.replace("-", "−").split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${part}` : "");
}

function fractionDigits(decimal: string): number {
  const point = decimal.indexOf(".");
  return point < 0 ? 0 : decimal.length - point - 1;
}

function toScaledInteger(decimal: string, digits: number): bigint {
  return BigInt(decimal.replace(".", "") + "0".repeat(digits - fractionDigits(decimal)));
}
