/** The queries and subscriptions of the report pages. */

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

/** A revision. `isStale` is set only for the revision shown, after it has been read. */
export type Revision = ListRevisionsQuery["listRevenueReports"]["items"][number] & { isStale?: boolean | undefined };
type ReportUpdate = NonNullable<FollowReportsSubscription["onRevenueReport"]>;

/** Reads a VPP. A malformed id counts as missing. */
export function useVpp(id: string | null) {
  const [{ data, error, fetching }, refetch] = useQuery({
    query: ReportedVppDocument,
    variables: { id: id ?? "" },
    pause: id === null,
  });
  // While another VPP is loading, urql still returns the data of the previous one.
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

/** Reads whether a report is stale: a separate query, since the server compares all inputs of the settlement. */
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

/** Reads all lines of a report, page by page; nothing if the id is null. */
export function useLines(reportId: string | null) {
  const { items, isLoadingFirstPage, isLoading, hasMore, error, reload } = usePaginatedList(
    ListLinesDocument,
    { id: reportId ?? "" },
    (data) => data.getRevenueReport?.lineItems,
    { loadAll: true, pause: reportId === null },
  );
  const [completeReportId, setCompleteReportId] = useState<string | null>(null);
  const isComplete = !isLoadingFirstPage && !isLoading && !hasMore && !error;
  // Lines are immutable: while they are reloaded after reconnecting, the report still counts as loaded.
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

/** Calls back when a report is ready or failed: one report (now if it already is), or any report of a VPP and month. */
export function useReportUpdates(
  filter: FollowReportsSubscriptionVariables | null,
  onUpdate: (report: ReportUpdate) => void,
): void {
  const [{ data }] = useSubscription({ query: FollowReportsDocument, variables: filter ?? {}, pause: filter === null });
  const latestCallback = useRef(onUpdate);
  latestCallback.current = onUpdate;
  useEffect(() => {
    const report = data?.onRevenueReport;
    if (report && report.status !== "PENDING") latestCallback.current(report);
  }, [data]);
}
