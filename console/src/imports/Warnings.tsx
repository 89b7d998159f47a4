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
          <strong>{formatCount(rowsDuplicated, "duplicate row")}.</strong> {MEANINGS[kind]} No action is needed.
        </p>
      </Notice>
    </AnchoredSection>
  );
}

const MEANINGS: Record<ImportKind, string> = {
  BATTERY_EVENTS:
    "Another import contains the same events for the same sites and days, so they are not counted twice. If that import is reverted, these rows count.",
  PARKS: "They match the existing parks, so they changed nothing.",
  PARK_READINGS: "They match the park's existing readings for the same times, so they changed nothing.",
};
