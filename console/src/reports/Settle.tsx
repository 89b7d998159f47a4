import { useState } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";
import { useMutation } from "urql";

import { formatMonth } from "../components/format";
import { Notice } from "../components/Notice";
import { Failure } from "../components/states";
import { type FollowReportsSubscription, GenerateReportDocument } from "../schema";
import { useReportUpdates } from "./reportQueries";

type ReportUpdate = NonNullable<FollowReportsSubscription["onRevenueReport"]>;

/** Starts settling a month, and subscribes to the new revision until it is ready or has failed. */
export function useSettling(vppId: string, month: string, onDone: () => void) {
  const [{ data, error, fetching }, generate] = useMutation(GenerateReportDocument);
  const [update, setUpdate] = useState<ReportUpdate | null>(null);
  const requested = data?.generateRevenueReport ?? null;
  const outcome = update?.id === requested?.id ? update : null;
  const isUnderWay = requested?.status === "PENDING" && outcome === null;

  useReportUpdates(isUnderWay ? { id: requested.id } : null, (report) => {
    setUpdate(report);
    onDone();
  });

  return {
    settle: () => {
      setUpdate(null);
      void generate({ input: { vppId, month } });
    },
    isPending: fetching || isUnderWay,
    error,
    requested,
    outcome,
  };
}

export type Settling = ReturnType<typeof useSettling>;

export function SettleButton({
  settling: { settle, isPending },
  label,
  className = "button primary",
}: {
  settling: Settling;
  label: string;
  className?: string;
}) {
  return (
    <Button className={className} onPress={settle} isPending={isPending}>
      {isPending ? "Settling…" : label}
    </Button>
  );
}

/** The status of settling. `to` links to the report, on pages other than the report's own. */
export function SettlingNotice({
  settling: { settle, error, requested, outcome },
  month,
  to,
}: {
  settling: Settling;
  month: string;
  to?: string;
}) {
  const of = formatMonth(month);
  if (error) return <Failure error={error} retry={settle} />;
  if (requested === null) return null;
  if (requested.status === "READY")
    return (
      <Notice live>
        No input of {of} has changed: revision {requested.revision} is still current.{" "}
        {to && <Link to={to}>Open the report</Link>}
      </Notice>
    );
  if (outcome?.status === "READY")
    return (
      <Notice live tone="good">
        Revision {requested.revision} of {of} is settled. {to && <Link to={to}>Open the report</Link>}
      </Notice>
    );
  if (outcome?.status === "FAILED")
    return (
      <Notice live tone="bad">
        Revision {requested.revision} of {of} could not be settled. {outcome.failureReason} Correct the cause and settle
        again: settling again is always safe.
      </Notice>
    );
  return (
    <Notice live>
      Revision {requested.revision} of {of} is being settled. It appears here as soon as it is ready.
    </Notice>
  );
}
