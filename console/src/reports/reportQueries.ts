/** What the pages of reports read, and how they hear that there is more of it. */

import { useEffect, useRef, useState } from "react";
import { useQuery, useSubscription } from "urql";

import { usePages } from "../components/paginatedList";
import { refusalOf } from "../components/states";
import {
  FollowReportsDocument,
  type FollowReportsSubscription,
  type FollowReportsSubscriptionVariables,
  ListLinesDocument,
  ListRevisionsDocument,
  type ListRevisionsQuery,
  ReportedVppDocument,
  ReportStalenessDocument,
} from "../schema";
import { useMay } from "../session/session";

/** A revision; of the one that is shown, whether it is stale, once that is known. */
export type Revision = ListRevisionsQuery["listRevenueReports"]["items"][number] & { isStale?: boolean | undefined };
type News = NonNullable<FollowReportsSubscription["onRevenueReport"]>;

/** Reads a VPP. What is no id names none, either. */
export function useVpp(id: string | null) {
  const [{ data, error, fetching }, again] = useQuery({
    query: ReportedVppDocument,
    variables: { id: id ?? "" },
    pause: id === null,
  });
  // While another is read, what was read before it is still there.
  const vpp = data?.getVpp?.id === id ? (data?.getVpp ?? null) : null;
  const isNone = error !== undefined && refusalOf(error).errorType === "ValidationFailed";
  const isMissing = isNone || (data?.getVpp === null && !error && !fetching);
  return { vpp, isMissing, error: isNone ? undefined : error, again };
}

/** Reads all revisions of a month, latest first. */
export function useRevisions(vppId: string, month: string) {
  const mayRead = useMay("READER");
  return usePages(
    ListRevisionsDocument,
    { filter: { vppId, month, latestOnly: false }, mayRead },
    (data) => data.listRevenueReports,
    { all: true },
  );
}

/** Whether a report is stale: that takes the server a look at all it was settled from, so it is asked of few, apart. */
export function useStaleness(report: Pick<Revision, "id" | "status" | "isLatest"> | undefined) {
  const isAsked = report?.status === "READY" && report.isLatest;
  const [{ data, error }, again] = useQuery({
    query: ReportStalenessDocument,
    variables: { id: report?.id ?? "" },
    pause: !isAsked,
    requestPolicy: "cache-and-network",
  });
  const known = data?.getRevenueReport?.id === report?.id ? data?.getRevenueReport?.isStale : undefined;
  return { isStale: isAsked ? known : false, error: isAsked ? error : undefined, again };
}

/** Reads all lines of a report, one page after the other: of none, where there is no id. */
export function useLines(reportId: string | null) {
  const { items, isFirst, isLoading, hasMore, error, reload } = usePages(
    ListLinesDocument,
    { id: reportId ?? "" },
    (data) => data.getRevenueReport?.lineItems,
    { all: true, pause: reportId === null },
  );
  const [readOf, setReadOf] = useState<string | null>(null);
  const isWhole = !isFirst && !isLoading && !hasMore && !error;
  // Lines never change: while they are read again, after a time away, they are all there still.
  if (isWhole && readOf !== reportId) setReadOf(reportId);
  return { items, isFirst, isRead: readOf !== null && readOf === reportId, error, reload };
}

export type Lines = ReturnType<typeof useLines>;

/** Tells of reports that are ready or have failed: of one, at once where it already is, or of any of a VPP and month. */
export function useNews(of: FollowReportsSubscriptionVariables | null, tell: (report: News) => void): void {
  const [{ data }] = useSubscription({ query: FollowReportsDocument, variables: of ?? {}, pause: of === null });
  const heard = useRef(tell);
  heard.current = tell;
  useEffect(() => {
    const report = data?.onRevenueReport;
    if (report && report.status !== "PENDING") heard.current(report);
  }, [data]);
}
