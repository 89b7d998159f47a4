const TARGET_TICKS = 5;

/** Returns round, evenly spaced axis ticks that enclose the range from `lowest` to `highest`. */
export function axisTicks(lowest: number, highest: number): number[] {
  const rough = (highest - lowest || 1) / TARGET_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const [first, last] = [Math.floor(lowest / step), Math.ceil(highest / step)];
  // Multiplying instead of adding, and rounding to 12 digits, avoids float errors: 3 × 0.1 is 0.3.
  return Array.from({ length: Math.max(last, first + 1) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
