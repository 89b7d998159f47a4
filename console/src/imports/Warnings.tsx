import { formatCount } from "../components/format";
import { Notice } from "../components/Notice";
import type { ImportKind, ImportStateFragment } from "../schema";
import { AnchoredSection } from "./AnchoredSection";

/** Warnings about valid rows; nothing needs correcting. */
export function Warnings({ importState: { kind, rowsDuplicated } }: { importState: ImportStateFragment }) {
  return (
    <AnchoredSection id="warnings" title="Warnings">
      <Notice tone="warn">
        <p>
          <strong>
            {formatCount(rowsDuplicated, "row")} {rowsDuplicated === 1 ? "was" : "were"} in already.
          </strong>{" "}
          {MEANINGS[kind]} Nothing has to be done.
        </p>
      </Notice>
    </AnchoredSection>
  );
}

const MEANINGS: Record<ImportKind, string> = {
  BATTERY_EVENTS:
    "Another import had brought the very same events of the same sites and days, so they do not count twice. Should that one be reverted, these count.",
  PARKS: "They say of their parks what was known of them, and so changed nothing.",
  PARK_READINGS: "They say what the park's readings of the same moments said, and so changed nothing.",
};
