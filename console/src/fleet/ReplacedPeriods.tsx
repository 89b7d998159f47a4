import { formatDay } from "../components/format";
import { Notice } from "../components/Notice";

/** Warns about later periods that a change will replace, since it has no end. */
export function ReplacedPeriods({
  periods,
  effectiveFrom,
  noun,
}: {
  periods: { effectiveFrom: string | null }[];
  effectiveFrom: string | null;
  noun: string;
}) {
  const days = periods
    .map((period) => period.effectiveFrom)
    .filter((day) => day !== null)
    .filter((day) => effectiveFrom === null || day >= effectiveFrom);
  if (days.length === 0) return null;
  return (
    <Notice tone="warn">
      It replaces the {noun} that would take effect on {new Intl.ListFormat("en-AU").format(days.map(formatDay))}.
    </Notice>
  );
}
