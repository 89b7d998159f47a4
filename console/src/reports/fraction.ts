/** Exact numbers: what is multiplied and divided before it becomes cents is a fraction, never a float. */

import { dollars, money } from "../components/format";

const DECIMALS = 6;

export class Exact {
  private constructor(
    private readonly over: bigint,
    private readonly under: bigint,
  ) {}

  static readonly NOTHING = new Exact(0n, 1n);

  /** Reads a decimal as it came: an amount, a rate, a quantity. */
  static of(decimal: string | number): Exact {
    const [, sign, whole = "0", part = "", power = "0"] =
      /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(decimal)) ?? [];
    const digits = BigInt(`${sign}${whole}${part}`);
    const places = BigInt(part.length) - BigInt(power);
    return places < 0n ? new Exact(digits * 10n ** -places, 1n) : new Exact(digits, 10n ** places);
  }

  static sum(all: Iterable<Exact>): Exact {
    let total = Exact.NOTHING;
    for (const each of all) total = total.plus(each);
    return total;
  }

  plus({ over, under }: Exact): Exact {
    // Decimals, of which there are most, keep the longer one's power of ten.
    if (under % this.under === 0n) return new Exact(this.over * (under / this.under) + over, under);
    if (this.under % under === 0n) return new Exact(this.over + over * (this.under / under), this.under);
    return new Exact(this.over * under + over * this.under, this.under * under);
  }

  minus = (other: Exact) => this.plus(new Exact(-other.over, other.under));

  times = ({ over, under }: Exact) => new Exact(this.over * over, this.under * under);

  /** Divides by what is above zero. */
  by = ({ over, under }: Exact) => new Exact(this.over * under, this.under * over);

  get isNothing(): boolean {
    return this.over === 0n;
  }

  /** Rounds to so many decimals, half away from zero, and returns how many of the last one's units it is. */
  units(decimals: number): bigint {
    const size = this.over < 0n ? -this.over : this.over;
    const units = (2n * 10n ** BigInt(decimals) * size + this.under) / (2n * this.under);
    return this.over < 0n ? -units : units;
  }

  get cents(): bigint {
    return this.units(2);
  }

  /** Writes it as an amount: with the digits it has below the cent, and "…" where there are more than six. */
  get money(): string {
    if ((this.over * 100n) % this.under === 0n) return money(dollars(this.cents));
    const units = this.units(DECIMALS);
    const digits = String(units < 0n ? -units : units).padStart(DECIMALS + 1, "0");
    const decimal = `${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS).replace(/0{1,4}$/, "")}`;
    const isWhole = (this.over * 10n ** BigInt(DECIMALS)) % this.under === 0n;
    return `${money(`${units < 0n ? "-" : ""}${decimal}`)}${isWhole ? "" : "…"}`;
  }
}
