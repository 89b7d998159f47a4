/** What the pages of reports read, and how they hear that there is more of it. */

import { useEffect, useRef, useState } from "react";
import { useQuery, useSubscription } from "urql";
import { apiErrorOf } from "../components/errors";
import { usePaginatedList } from "../components/paginatedList";
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
import { useHasRole } from "../session/session";

/** A revision; of the one that is shown, whether it is stale, once that is known. */
export type Revision = ListRevisionsQuery["listRevenueReports"]["items"][number] & { isStale?: boolean | undefined };
type ReportUpdate = NonNullable<FollowReportsSubscription["onRevenueReport"]>;

/** Reads a VPP. What is no id names none, either. */
export function useVpp(id: string | null) {
  const [{ data, error, fetching }, refetch] = useQuery({
    query: ReportedVppDocument,
    variables: { id: id ?? "" },
    pause: id === null,
  });
  // While another is read, what was read before it is still there.
  const vpp = data?.getVpp?.id === id ? (data?.getVpp ?? null) : null;
  const isInvalidId = error !== undefined && apiErrorOf(error).errorType === "ValidationFailed";
  const isMissing = isInvalidId || (data?.getVpp === null && !error && !fetching);
  return { vpp, isMissing, error: isInvalidId ? undefined : error, refetch };
}

/** Reads all revisions of a month, latest first. */
export function useRevisions(vppId: string, month: string) {
  const mayRead = useHasRole("READER");
  return usePaginatedList(
    ListRevisionsDocument,
    { filter: { vppId, month, latestOnly: false }, mayRead },
    (data) => data.listRevenueReports,
    { loadAll: true },
  );
}

/** Whether a report is stale: that takes the server a look at all it was settled from, so it is asked of few, apart. */
export function useStaleness(report: Pick<Revision, "id" | "status" | "isLatest"> | undefined) {
  const isEnabled = report?.status === "READY" && report.isLatest;
  const [{ data, error }, refetch] = useQuery({
    query: ReportStalenessDocument,
    variables: { id: report?.id ?? "" },
    pause: !isEnabled,
    requestPolicy: "cache-and-network",
  });
  const isStale = data?.getRevenueReport?.id === report?.id ? data?.getRevenueReport?.isStale : undefined;
  return { isStale: isEnabled ? isStale : false, error: isEnabled ? error : undefined, refetch };
}

/** Reads all lines of a report, one page after the other: of none, where there is no id. */
export function useLines(reportId: string | null) {
  const { items, isLoadingFirstPage, isLoading, hasMore, error, reload } = usePaginatedList(
    ListLinesDocument,
    { id: reportId ?? "" },
    (data) => data.getRevenueReport?.lineItems,
    { loadAll: true, pause: reportId === null },
  );
  const [completeReportId, setCompleteReportId] = useState<string | null>(null);
  const isComplete = !isLoadingFirstPage && !isLoading && !hasMore && !error;
  // Lines never change: while they are read again, after a time away, they are all there still.
  if (isComplete && completeReportId !== reportId) setCompleteReportId(reportId);
  return {
    items,
    isLoadingFirstPage,
    isLoaded: completeReportId !== null && completeReportId === reportId,
    error,
    reload,
  };
}

export type Lines = ReturnType<typeof useLines>;

/** Tells of reports that are ready or have failed: of one, at once where it already is, or of any of a VPP and month. */
export function useReportUpdates(
  of: FollowReportsSubscriptionVariables | null,
  onUpdate: (report: ReportUpdate) => void,
): void {
  const [{ data }] = useSubscription({ query: FollowReportsDocument, variables: of ?? {}, pause: of === null });
  const latestCallback = useRef(onUpdate);
  latestCallback.current = onUpdate;
  useEffect(() => {
    const report = data?.onRevenueReport;
    if (report && report.status !== "PENDING") latestCallback.current(report);
  }, [data]);
}
