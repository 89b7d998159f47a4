/** One revision of a month's report: where the money went, its lines, what other terms would bring, and other revisions. */

import { ChoiceOf } from "../components/fields";
import { formatMoment, formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure, Loading } from "../components/states";
import { useAddress } from "../components/urlParams";
import type { ReportedVppQuery } from "../schema";
import { useMay } from "../session/session";
import { Downloads } from "./Downloads";
import { Flags, ReportTags } from "./flags";
import { Explanation } from "./LineExplanation";
import { LineItems } from "./LineItems";
import { Money, OwnMoney } from "./MoneyFlow";
import { Comparison } from "./RevisionComparison";
import { type Revision, useLines } from "./reportQueries";
import { WhatIf } from "./TermsSimulation";
import { TotalPanel } from "./TotalPanel";
import { termsNow, useSettledTerms, writeAllTerms } from "./terms";

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
  const mayRead = useMay("READER");
  const mayChange = useMay("OPERATOR");
  const isReady = report.status === "READY";
  const lines = useLines(isReady ? report.id : null);
  const { isRead } = lines;
  const { terms: filed, isMissing } = useSettledTerms(isReady && mayRead ? report.id : null);
  const areSettled = mayRead && !isMissing;
  const spans = areSettled ? filed : termsNow(report.month, vpp.priceSchedules);

  return (
    <div className="stack report">
      <div className="revision">
        <div className="choice">
          <RevisionChoice report={report} revisions={revisions} />
        </div>
        <div className="stack about" style={{ "--gap": "0.15rem" }}>
          <ReportTags report={report} isStale={report.isStale} />
          <span className="soft small">
            Asked for on {formatMoment(report.createdAt)}.
            {isReady && spans && areSettled && ` Settled at ${writeAllTerms(spans)}.`}
          </span>
        </div>
        {isReady && mayRead && <Downloads report={report} />}
      </div>
      {report.status === "PENDING" && (
        <Notice live>
          Revision {report.revision} is being settled. Its figures show here as soon as they are ready.
        </Notice>
      )}
      {report.status === "FAILED" && (
        <Notice tone="bad">
          Revision {report.revision} could not be settled. {report.failureReason} When what is wrong is put right,
          settle again: that is always safe.
        </Notice>
      )}
      {/* Above the figures stands whether they are stale: drawn before that is known, they would move. */}
      {isReady && report.isStale === undefined && <Loading page what="the figures" />}
      {isReady && report.isStale !== undefined && (
        <>
          <Flags report={report} lines={lines.items} isRead={isRead} mayChange={mayChange} />
          {report.totals ? (
            <Money report={report} totals={report.totals} />
          ) : (
            <OwnMoney report={report} lines={lines.items} isRead={isRead} />
          )}
          {lines.error && !isRead && <Failure error={lines.error} retry={lines.reload} />}
          <LineItems vppName={vpp.name} report={report} lines={lines} />
          {report.totals && filed && (
            <WhatIf vpp={vpp} report={report} totals={report.totals} terms={filed} lines={lines.items} />
          )}
          <Comparison report={report} revisions={revisions} lines={lines.items} isRead={isRead} terms={filed} />
          {report.totals && <TotalPanel report={report} totals={report.totals} lines={lines.items} isRead={isRead} />}
          <Explanation
            vppId={vpp.id}
            report={report}
            lines={lines.items}
            isRead={isRead}
            spans={spans}
            areSettled={areSettled}
          />
        </>
      )}
    </div>
  );
}

function RevisionChoice({ report, revisions }: { report: Revision; revisions: readonly Revision[] }) {
  const [, change] = useAddress();
  return (
    <ChoiceOf
      label={`Revision of ${formatMonth(report.month)}`}
      value={String(report.revision)}
      options={revisions.map(({ revision, isLatest }) => ({
        value: String(revision),
        label: `Revision ${revision}${isLatest ? ", the latest" : ""}`,
      }))}
      onChange={(revision) => change((present) => present.set("revision", revision))}
    />
  );
}
