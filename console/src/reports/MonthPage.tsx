/** A settled month of a VPP: one of its revisions, and what there is to say of it. */

import "./reports.css";

import { useMemo } from "react";
import { useParams, useSearchParams } from "react-router";

import { formatDay, formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { PageHeader } from "../components/PageHeader";
import { Empty, Failure, Loading, NotFound } from "../components/states";
import { useMay } from "../session/session";
import { RevisionPage } from "./RevisionPage";
import { useNews, useRevisions, useStaleness, useVpp } from "./reportQueries";
import { SettleButton, SettlingNotice, useSettling } from "./Settle";
import { isMonth, lastDay, monthDays } from "./terms";

export function MonthPage() {
  const { vppId = "", month = "" } = useParams();
  if (!isMonth(month)) return <NotFound what="month" />;
  return <Month key={`${vppId} ${month}`} vppId={vppId} month={month} />;
}

function Month({ vppId, month }: { vppId: string; month: string }) {
  const { vpp, isMissing, error, again } = useVpp(vppId);
  const revisions = useRevisions(vppId, month);
  const [params] = useSearchParams();
  const mayRead = useMay("READER");
  const mayChange = useMay("OPERATOR");
  const settling = useSettling(vppId, month, revisions.reload);
  const underWay = revisions.items.find(({ status }) => status === "PENDING");
  const asked = params.get("revision");
  const settled = revisions.items.find(({ status }) => status === "READY");
  const found = asked
    ? revisions.items.find(({ revision }) => String(revision) === asked)
    : (settled ?? revisions.items[0]);
  const { isStale, ...staleness } = useStaleness(found);
  const shown = useMemo(() => found && { ...found, isStale }, [found, isStale]);
  useNews({ vppId, month }, revisions.reload);
  useNews(underWay ? { id: underWay.id } : null, revisions.reload);

  if (isMissing) return <NotFound what="VPP" />;
  if (error) return <Failure error={error} retry={again} />;
  if (revisions.error && revisions.isFirst) return <Failure error={revisions.error} retry={revisions.reload} />;
  if (staleness.error && isStale === undefined) return <Failure error={staleness.error} retry={staleness.again} />;
  if (!vpp || revisions.isFirst) return <Loading what="the report" />;

  if (asked && !shown) return <NotFound what="revision" />;

  const { from, until } = monthDays(month);
  const header = (
    <>
      <PageHeader
        title={`${vpp.name}, ${formatMonth(month)}`}
        up={
          mayRead
            ? { to: `/reports?vppId=${vppId}&month=${month}`, label: "Reports" }
            : { to: "/reports", label: "Statements" }
        }
        note={`${formatDay(from)} to ${formatDay(lastDay(until))} in NEM time (UTC+10). Amounts are in Australian dollars (AUD).`}
      >
        {mayChange && shown && (
          <SettleButton
            settling={settling}
            label="Settle again"
            className={shown.isStale ? "button primary" : "button"}
          />
        )}
      </PageHeader>
      {(settling.error || settling.asked) && (
        <div className="below">
          <SettlingNotice settling={settling} month={month} {...(asked ? { to: `/reports/${vppId}/${month}` } : {})} />
        </div>
      )}
    </>
  );

  if (!shown)
    return (
      <>
        {header}
        <Empty title={`${formatMonth(month)} has no ${mayRead ? "report" : "statement"} yet`}>
          {mayChange && (
            <>
              <p>Generate it once the month's events are in.</p>
              <SettleButton settling={settling} label={`Generate the report of ${formatMonth(month)}`} />
            </>
          )}
        </Empty>
      </>
    );
  return (
    <>
      {header}
      {!asked && shown.status === "READY" && !shown.isLatest && (
        <div className="below">
          <Notice tone={underWay ? "accent" : "warn"}>
            {underWay
              ? `Revision ${underWay.revision} is being settled. Until it is ready, this is revision ${shown.revision}.`
              : `A later revision could not be settled. ${revisions.items[0]?.failureReason ?? ""} This is revision ${shown.revision}.`}
          </Notice>
        </div>
      )}
      <RevisionPage key={shown.id} vpp={vpp} report={shown} revisions={revisions.items} />
    </>
  );
}
