import { useQuery } from "urql";

import { formatCount, formatInteger, formatMoney, formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure } from "../components/states";
import { GetWarningsDocument, type ImportKind, type ImportStateFragment, type ImportWarningCode } from "../schema";
import { AnchoredSection } from "./AnchoredSection";

/** Warnings about valid rows: duplicates, and rows that may not be what their owner means. */
export function Warnings({ importState: { id, kind, status, rowsDuplicated } }: { importState: ImportStateFragment }) {
  const [{ data, error }] = useQuery({
    query: GetWarningsDocument,
    variables: { id },
    pause: kind !== "BATTERY_EVENTS" || status !== "COMPLETED",
  });
  const warnings = data?.getImport?.warnings ?? [];
  if (rowsDuplicated === 0 && warnings.length === 0 && !error) return null;
  return (
    <AnchoredSection id="warnings" title="Warnings">
      {error && <Failure error={error} />}
      {warnings.map((warning) => (
        <Notice key={`${warning.code} ${warning.month}`} tone="warn">
          <p>
            <strong>
              {formatCount(warning.rowCount, "row")} of {formatMonth(warning.month)}, worth{" "}
              {formatMoney(warning.valueAud)}.
            </strong>{" "}
            {WARNINGS[warning.code]} The first is line {formatInteger(warning.lineNumber)}.
          </p>
        </Notice>
      ))}
      {rowsDuplicated > 0 && (
        <Notice tone="warn">
          <p>
            <strong>{formatCount(rowsDuplicated, "duplicate row")}.</strong> {MEANINGS[kind]} No action is needed.
          </p>
        </Notice>
      )}
    </AnchoredSection>
  );
}

const WARNINGS: Record<ImportWarningCode, string> = {
  NO_VPP_ON_DAY: "On these days the site was in no VPP, so the rows are in no report.",
  FUTURE_DAY: "These days have not come yet.",
  CONFLICTING_VALUES: "Another row of the file has the same site, time and event type, but other values.",
  DIFFERS_FROM_ANOTHER_IMPORT:
    "An earlier import has a row of the same site, time and event type, but with other values.",
  NEGATIVE_DISCHARGES: "Nearly all discharges of this file lose money. The sign of the tariff may be wrong.",
};

const MEANINGS: Record<ImportKind, string> = {
  BATTERY_EVENTS:
    "Another import contains the same events for the same sites and days, so they are not counted twice. If that import is reverted, these rows count.",
  PARKS: "They match the existing parks, so they changed nothing.",
  PARK_READINGS: "They match the park's existing readings for the same times, so they changed nothing.",
};
