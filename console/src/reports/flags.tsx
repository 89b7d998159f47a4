/** Tags and warnings for reports that are stale, incomplete, superseded or failed. */

import { useMemo } from "react";
import { Link } from "react-router";

import { formatDateTime, formatDay, formatMonth, thisMonth } from "../components/format";
import { Notice } from "../components/Notice";
import type { ReportFragment } from "../schema";
import { type Line, linesMatchTotals, type Totals } from "./figures";
import type { Revision } from "./reportQueries";
import { lastDay, monthDays, monthEndMs } from "./terms";

/** Whether the report was settled before its month ended in NEM time, so that later days are missing. */
const isSettledEarly = ({ createdAt, month }: ReportFragment) => Date.parse(createdAt) < monthEndMs(month);

/** A report's status as tags. `isStale` is undefined while unknown. */
export function ReportTags({ report, isStale }: { report: ReportFragment; isStale: boolean | undefined }) {
  if (report.status === "PENDING") return <span className="tag accent">settling</span>;
  if (report.status === "FAILED") return <span className="tag bad">failed</span>;
  const isCurrent = report.isLatest && isStale === false && !isSettledEarly(report);
  return (
    <span className="row" style={{ "--gap": "0.3rem" }}>
      {!report.isLatest && <span className="tag">superseded</span>}
      {report.isLatest && isStale && <span className="tag warn">stale</span>}
      {isSettledEarly(report) && <span className="tag warn">incomplete</span>}
      {isCurrent && <span className="tag good">up to date</span>}
    </span>
  );
}

/** A tag beside figures that are stale or incomplete; nothing otherwise. */
export function ReportFlag({ report }: { report: Revision }) {
  if (report.isLatest && report.isStale) return <span className="tag warn">stale</span>;
  return isSettledEarly(report) ? <span className="tag warn">incomplete</span> : null;
}

/** Warnings about a report, each with the recommended action. */
export function ReportWarnings({
  report,
  lines,
  linesLoaded,
  mayChange,
}: {
  report: Revision;
  lines: readonly Line[];
  linesLoaded: boolean;
  mayChange: boolean;
}) {
  const { totals } = report;
  const of = formatMonth(report.month);
  const hasNoEvents = useMemo(() => linesLoaded && haveNoRevenue(lines, totals), [linesLoaded, lines, totals]);
  const isInconsistent = useMemo(
    () => linesLoaded && totals && !linesMatchTotals(lines, totals),
    [linesLoaded, lines, totals],
  );
  return (
    <>
      {report.isLatest && report.isStale && (
        <Notice tone="warn">
          <strong>Stale.</strong> The inputs of {of} have changed since: terms, members, batteries, events or names. The
          figures below are those of revision {report.revision}, as it was settled.{" "}
          {mayChange ? "Settle again to add a revision." : "An operator can settle it again."}
        </Notice>
      )}
      {isSettledEarly(report) && (
        <Notice tone="warn">
          <strong>Incomplete.</strong> It was settled on {formatDateTime(report.createdAt)}, before the month was over:{" "}
          {of} ends with {formatDay(lastDay(monthDays(report.month).until))}, in NEM time (UTC+10).{" "}
          {report.month >= thisMonth()
            ? "Settle again when the month is over."
            : "The month is over now: settle again."}
        </Notice>
      )}
      {linesLoaded && lines.length === 0 && (
        <Notice tone="warn">
          <strong>No sites.</strong> No site was a member on any day of {of}.
        </Notice>
      )}
      {lines.length > 0 && hasNoEvents && (
        <Notice tone="warn">
          <strong>No events.</strong> Nothing was earned or spent in {of}: no events of these sites were imported, or
          none with a value. {mayChange && <Link to="/imports">Import them</Link>}
        </Notice>
      )}
      {isInconsistent && <Notice tone="bad">The lines do not add up to the report's totals. Reload the page.</Notice>}
    </>
  );
}

const haveNoRevenue = (lines: readonly Line[], totals: Totals | null | undefined) =>
  (totals?.costOnlyAud ?? "0.00") === "0.00" && lines.every(({ revenueAud }) => revenueAud === "0.00");
