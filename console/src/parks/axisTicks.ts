const TARGET_TICKS = 5;

/** Returns round figures at even distances, from the lowest or below it to the highest or above it. */
export function axisTicks(lowest: number, highest: number): number[] {
  const rough = (highest - lowest || 1) / TARGET_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((each) => each * power >= rough) ?? 10);
  const [first, last] = [Math.floor(lowest / step), Math.ceil(highest / step)];
  // Multiplied last, and cut to the digits a float has: 3 steps of 0.1 are 0.3.
  return Array.from({ length: Math.max(last, first + 1) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}
