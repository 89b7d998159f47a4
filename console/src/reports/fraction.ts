/** Exact rational arithmetic with BigInt, for amounts that are multiplied and divided before rounding to cents. */

import { centsToDecimal, formatMoney } from "../components/format";

const DECIMALS = 6;

export class Fraction {
  private constructor(
    private readonly numerator: bigint,
    private readonly denominator: bigint,
  ) {}

  static readonly ZERO = new Fraction(0n, 1n);

  /** Parses a decimal: an amount, a rate or a quantity. */
  static parse(decimal: string | number): Fraction {
    const [, sign, whole = "0", part = "", power = "0"] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(decimal)) ?? [];
    const digits = BigInt(`${sign}${whole}${part}`);
    const places = BigInt(part.length) - BigInt(power);
    return places < 0n ? new Fraction(digits * 10n ** -places, 1n) : new Fraction(digits, 10n ** places);
  }

  static sum(all: Iterable<Fraction>): Fraction {
    let total = Fraction.ZERO;
    for (const fraction of all) total = total.plus(fraction);
    return total;
  }

  plus({ numerator, denominator }: Fraction): Fraction {
    // Fast path: the denominators of decimals are powers of ten, so one divides the other.
    if (denominator % this.denominator === 0n)
      return new Fraction(this.numerator * (denominator / this.denominator) + numerator, denominator);
    if (this.denominator % denominator === 0n)
      return new Fraction(this.numerator + numerator * (this.denominator / denominator), this.denominator);
    return new Fraction(this.numerator * denominator + numerator * this.denominator, this.denominator * denominator);
  }

  minus = (other: Fraction) => this.plus(new Fraction(-other.numerator, other.denominator));

  times = ({ numerator, denominator }: Fraction) =>
    new Fraction(this.numerator * numerator, this.denominator * denominator);

  /** Divides by a positive number. */
  dividedBy = ({ numerator, denominator }: Fraction) =>
    new Fraction(this.numerator * denominator, this.denominator * numerator);

  get isZero(): boolean {
    return this.numerator === 0n;
  }

  /** Rounds to `decimals` decimals, half away from zero. Returns an integer, in units of the last decimal. */
  roundToUnits(decimals: number): bigint {
    const size = this.numerator < 0n ? -this.numerator : this.numerator;
    const units = (2n * 10n ** BigInt(decimals) * size + this.denominator) / (2n * this.denominator);
    return this.numerator < 0n ? -units : units;
  }

  get cents(): bigint {
    return this.roundToUnits(2);
  }

  /** Formats the number as an amount with up to six decimals; "…" marks further ones. */
  get money(): string {
    if ((this.numerator * 100n) % this.denominator === 0n) return formatMoney(centsToDecimal(this.cents));
    const units = this.roundToUnits(DECIMALS);
    const digits = String(units < 0n ? -units : units).padStart(DECIMALS + 1, "0");
    const decimal = `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS).replace(/0{1,4}$/, "")}`;
    const isWhole = (this.numerator * 10n ** BigInt(DECIMALS)) % this.denominator === 0n;
    return `${formatMoney(`${units < 0n ? "-" : ""}${decimal}`)}${isWhole ? "" : "…"}`;
  }
}
