/** Exact rational numbers with BigInt: the exact values of the settlement, and sums of events. */

import { centsToDecimal, formatMoney } from "../components/format";

const DECIMALS = 6;

export class Fraction {
  private constructor(
    private readonly numerator: bigint,
    private readonly denominator: bigint,
  ) {}

  static readonly ZERO = new Fraction(0n, 1n);

  /** Parses a decimal such as 5.25, or a fraction such as 16/3. */
  static parse(text: string): Fraction {
    const [, sign, whole = "0", part = "", divisor = "1"] = /^(-?)(\d+)(?:\.(\d+))?(?:\/(\d+))?$/.exec(text) ?? [];
    return new Fraction(BigInt(`${sign}${whole}${part}`), BigInt(divisor) * 10n ** BigInt(part.length));
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

  equals = ({ numerator, denominator }: Fraction) => this.numerator * denominator === numerator * this.denominator;

  /** Rounded to the cent, half away from zero. */
  get cents(): bigint {
    const size = this.numerator < 0n ? -this.numerator : this.numerator;
    const cents = (200n * size + this.denominator) / (2n * this.denominator);
    return this.numerator < 0n ? -cents : cents;
  }

  /** Formats the number as an amount, cut off after six decimals; "…" marks further ones. */
  get money(): string {
    if ((this.numerator * 100n) % this.denominator === 0n) return formatMoney(centsToDecimal(this.cents));
    const scaled = this.numerator * 10n ** BigInt(DECIMALS);
    const units = scaled / this.denominator;
    const digits = String(units < 0n ? -units : units).padStart(DECIMALS + 1, "0");
    const decimal = `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS).replace(/0{1,4}$/, "")}`;
    return `${formatMoney(`${this.numerator < 0n ? "-" : ""}${decimal}`)}${scaled % this.denominator === 0n ? "" : "…"}`;
  }
}
