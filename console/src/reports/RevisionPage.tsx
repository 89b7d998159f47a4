/** One revision of a month's report: money flow, line items, simulated terms, and a comparison of revisions. */

import { SelectField } from "../components/fields";
import { formatDateTime, formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure, Loading } from "../components/states";
import { useUrlParams } from "../components/urlParams";
import type { ReportedVppQuery } from "../schema";
import { useHasRole } from "../session/session";
import { Downloads } from "./Downloads";
import { ReportTags, ReportWarnings } from "./flags";
import { LineExplanation } from "./LineExplanation";
import { LineItems } from "./LineItems";
import { MoneyFlow, OwnSitesMoney } from "./MoneyFlow";
import { RevisionComparison } from "./RevisionComparison";
import { type Revision, useLines } from "./reportQueries";
import { TermsSimulation } from "./TermsSimulation";
import { TotalPanel } from "./TotalPanel";
import { formatAllTerms } from "./terms";

type Vpp = NonNullable<ReportedVppQuery["getVpp"]>;

export function RevisionPage({
  vpp,
  report,
  revisions,
}: {
  vpp: Vpp;
  report: Revision;
  revisions: readonly Revision[];
}) {
  const mayRead = useHasRole("READER");
  const mayChange = useHasRole("OPERATOR");
  const isReady = report.status === "READY";
  const lines = useLines(isReady ? report.id : null);
  const { isLoaded } = lines;

  return (
    <div className="stack report">
      <div className="revision">
        <div className="choice">
          <RevisionChoice report={report} revisions={revisions} />
        </div>
        <div className="stack about" style={{ "--gap": "0.15rem" }}>
          <ReportTags report={report} isStale={report.isStale} />
          <span className="soft small">
            Requested on {formatDateTime(report.createdAt)}.
            {report.terms && ` Settled at ${formatAllTerms(report.terms)}.`}
          </span>
        </div>
        {isReady && mayRead && <Downloads report={report} />}
      </div>
      {report.status === "PENDING" && (
        <Notice live>
          Revision {report.revision} is being settled. Its figures appear here as soon as they are ready.
        </Notice>
      )}
      {report.status === "FAILED" && (
        <Notice tone="bad">
          Revision {report.revision} could not be settled. {report.failureReason} Correct the cause and settle again:
          settling again is always safe.
        </Notice>
      )}
      {/* The stale warning is above the figures: rendered later than the figures, it would shift the layout. */}
      {isReady && report.isStale === undefined && <Loading page subject="the figures" />}
      {isReady && report.isStale !== undefined && (
        <>
          <ReportWarnings report={report} lines={lines.items} linesLoaded={isLoaded} mayChange={mayChange} />
          {report.totals ? (
            <MoneyFlow report={report} totals={report.totals} />
          ) : (
            <OwnSitesMoney report={report} lines={lines.items} linesLoaded={isLoaded} />
          )}
          {lines.error && !isLoaded && <Failure error={lines.error} retry={lines.reload} />}
          <LineItems vppName={vpp.name} report={report} lines={lines} />
          {report.totals && report.terms && (
            <TermsSimulation
              vpp={vpp}
              report={report}
              totals={report.totals}
              terms={report.terms}
              lines={lines.items}
            />
          )}
          <RevisionComparison report={report} revisions={revisions} lines={lines.items} linesLoaded={isLoaded} />
          {report.totals && (
            <TotalPanel report={report} totals={report.totals} lines={lines.items} linesLoaded={isLoaded} />
          )}
          <LineExplanation report={report} />
        </>
      )}
    </div>
  );
}

function RevisionChoice({ report, revisions }: { report: Revision; revisions: readonly Revision[] }) {
  const [, updateParams] = useUrlParams();
  return (
    <SelectField
      label={`Revision of ${formatMonth(report.month)}`}
      value={String(report.revision)}
      options={revisions.map(({ revision, isLatest }) => ({
        value: String(revision),
        label: `Revision ${revision}${isLatest ? " (latest)" : ""}`,
      }))}
      onChange={(revision) => updateParams((current) => current.set("revision", revision))}
    />
  );
}
