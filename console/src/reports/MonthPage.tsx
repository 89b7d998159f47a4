/** A settled month of a VPP: one of its revisions, with its status. */

import "./reports.css";

import { useMemo } from "react";
import { useParams, useSearchParams } from "react-router";

import { formatDay, formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { PageHeader } from "../components/PageHeader";
import { Empty, Failure, Loading, NotFound } from "../components/states";
import { useHasRole } from "../session/session";
import { RevisionPage } from "./RevisionPage";
import { useReportUpdates, useRevisions, useStaleness, useVpp } from "./reportQueries";
import { SettleButton, SettlingNotice, useSettling } from "./Settle";
import { isMonth, lastDay, monthDays } from "./terms";

export function MonthPage() {
  const { vppId = "", month = "" } = useParams();
  if (!isMonth(month)) return <NotFound noun="month" />;
  return <Month key={`${vppId} ${month}`} vppId={vppId} month={month} />;
}

function Month({ vppId, month }: { vppId: string; month: string }) {
  const { vpp, isMissing, error, refetch } = useVpp(vppId);
  const revisions = useRevisions(vppId, month);
  const [params] = useSearchParams();
  const mayRead = useHasRole("READER");
  const mayChange = useHasRole("OPERATOR");
  const settling = useSettling(vppId, month, revisions.reload);
  const pendingRevision = revisions.items.find(({ status }) => status === "PENDING");
  const requestedRevision = params.get("revision");
  const latestReady = revisions.items.find(({ status }) => status === "READY");
  const revision = requestedRevision
    ? revisions.items.find(({ revision }) => String(revision) === requestedRevision)
    : (latestReady ?? revisions.items[0]);
  const { isStale, ...staleness } = useStaleness(revision);
  const report = useMemo(() => revision && { ...revision, isStale }, [revision, isStale]);
  useReportUpdates({ vppId, month }, revisions.reload);
  useReportUpdates(pendingRevision ? { id: pendingRevision.id } : null, revisions.reload);

  if (isMissing) return <NotFound noun="VPP" />;
  if (error) return <Failure error={error} retry={refetch} />;
  if (revisions.error && revisions.isLoadingFirstPage)
    return <Failure error={revisions.error} retry={revisions.reload} />;
  if (staleness.error && isStale === undefined) return <Failure error={staleness.error} retry={staleness.refetch} />;
  if (!vpp || revisions.isLoadingFirstPage) return <Loading subject="the report" />;

  if (requestedRevision && !report) return <NotFound noun="revision" />;

  const { from, until } = monthDays(month);
  const header = (
    <>
      <PageHeader
        title={`${vpp.name}, ${formatMonth(month)}`}
        parent={
          mayRead
            ? { to: `/reports?vppId=${vppId}&month=${month}`, label: "Reports" }
            : { to: "/reports", label: "Statements" }
        }
        note={`${formatDay(from)} to ${formatDay(lastDay(until))} in NEM time (UTC+10). Amounts are in Australian dollars (AUD).`}
      >
        {mayChange && report && (
          <SettleButton
            settling={settling}
            label="Settle again"
            className={report.isStale ? "button primary" : "button"}
          />
        )}
      </PageHeader>
      {(settling.error || settling.requested) && (
        <div className="below">
          <SettlingNotice
            settling={settling}
            month={month}
            {...(requestedRevision ? { to: `/reports/${vppId}/${month}` } : {})}
          />
        </div>
      )}
    </>
  );

  if (!report)
    return (
      <>
        {header}
        <Empty title={`${formatMonth(month)} has no ${mayRead ? "report" : "statement"} yet`}>
          {mayChange && (
            <>
              <p>Generate it once the month's events are imported.</p>
              <SettleButton settling={settling} label={`Generate the report of ${formatMonth(month)}`} />
            </>
          )}
        </Empty>
      </>
    );
  return (
    <>
      {header}
      {!requestedRevision && report.status === "READY" && !report.isLatest && (
        <div className="below">
          <Notice tone={pendingRevision ? "accent" : "warn"}>
            {pendingRevision
              ? `Revision ${pendingRevision.revision} is being settled. Until it is ready, this is revision ${report.revision}.`
              : `A later revision could not be settled. ${revisions.items[0]?.failureReason ?? ""} This is revision ${report.revision}.`}
          </Notice>
        </div>
      )}
      <RevisionPage key={report.id} vpp={vpp} report={report} revisions={revisions.items} />
    </>
  );
}
