/** The progress of an import, or its result. */

import { CircleCheck } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { formatBytes, formatDateTime, formatDuration, formatInteger } from "../components/format";
import { Notice } from "../components/Notice";
import { useIsOffline } from "../connection";
import type { ImportStateFragment } from "../schema";
import { countsImmediately, describeStatus, isFinalising, isUnderWay, STATUSES } from "./importStatus";
import { type LiveImport, useNow } from "./liveImports";
import { PercentBar } from "./PercentBar";

// The server sends an import's state every second, changed or not: an unchanged state means a silent worker.
const WORKER_STALLED_AFTER_S = 5;
const QUEUED_LONG_AFTER_S = 10;

export function ImportProgress({ importState, live }: { importState: ImportStateFragment; live: LiveImport }) {
  const { label, tone } = STATUSES[importState.status];
  const stallMessage = useStallMessage(importState, live);
  return (
    <section className="card stack" aria-label="Progress">
      <div className="row">
        <span className={`tag ${tone}`} role="status">
          {importState.status === "COMPLETED" && <CircleCheck size={13} aria-hidden />}
          {label}
        </span>
        <p>{describeStatus(importState)}</p>
      </div>
      {importState.failureReason && <Notice tone="bad">{importState.failureReason}</Notice>}
      {importState.status === "RUNNING" && <PercentBar label="Read" percent={importState.percentComplete} />}
      {/* For screen readers, a text without the running seconds, which they would announce one by one. */}
      <span className="visually-hidden" role="status">
        {stallMessage && "The worker does not respond."}
      </span>
      {stallMessage && <Notice tone="warn">{stallMessage}</Notice>}
      {importState.status !== "AWAITING_UPLOAD" && (
        <Figures
          importState={importState}
          live={live}
          isStalled={importState.status === "RUNNING" && stallMessage !== null}
        />
      )}
    </section>
  );
}

/** Returns a message if the worker makes no progress. The user need not act: another worker takes over. */
function useStallMessage(
  importState: ImportStateFragment,
  { progressedAtMs, receivedAtMs }: LiveImport,
): string | null {
  const now = useNow(isUnderWay(importState));
  const isOffline = useIsOffline();
  const stalledS = Math.floor((now - progressedAtMs) / 1000);
  // Without messages from the server, the worker's state is unknown.
  if (!isUnderWay(importState) || isOffline || now - receivedAtMs > WORKER_STALLED_AFTER_S * 1000) return null;
  if (importState.status === "QUEUED") {
    return stalledS < QUEUED_LONG_AFTER_S
      ? null
      : `No worker has been free for ${formatDuration(stalledS)}. The import starts automatically when a worker is free.`;
  }
  if (stalledS < WORKER_STALLED_AFTER_S) return null;
  return isFinalising(importState)
    ? `Adding the rows to the totals has taken ${formatDuration(stalledS)} so far. It takes longer if other imports have many rows for the same months. If the worker has stopped, another continues automatically.`
    : `The worker has not responded for ${formatDuration(stalledS)}. The import resumes automatically from row ${formatInteger(importState.rowsRead + 1)}.`;
}

function Figures({
  importState,
  live,
  isStalled,
}: {
  importState: ImportStateFragment;
  live: LiveImport;
  isStalled: boolean;
}) {
  const isActive = isUnderWay(importState);
  const isUndone = importState.status === "CANCELLED" || importState.status === "REVERTED";
  const none = isActive ? "none yet" : "none";
  const rows = (figure: number) => (figure > 0 ? formatInteger(figure) : none);
  return (
    <dl className="figures">
      <Figure label="Rows read">{rows(importState.rowsRead)}</Figure>
      <Figure label={isUndone ? "Rows removed" : "Rows imported"} note={importedRowsNote(importState)}>
        {rows(importState.rowsImported)}
      </Figure>
      <Figure label="Duplicate rows">
        {importState.rowsDuplicated > 0 ? (
          <Link to="#warnings">{formatInteger(importState.rowsDuplicated)}</Link>
        ) : (
          none
        )}
      </Figure>
      {importState.rowsUndecided > 0 && (
        <Figure label="Undecided rows">
          <Link to="#undecided">{formatInteger(importState.rowsUndecided)}</Link>
        </Figure>
      )}
      <Figure label="Rows rejected">
        {importState.rowsRejected > 0 ? <Link to="#rejections">{formatInteger(importState.rowsRejected)}</Link> : none}
      </Figure>
      <Figure
        label="File"
        note={isActive && importState.bytesTotal !== null ? `of ${formatBytes(importState.bytesTotal)}` : undefined}
      >
        {isActive
          ? importState.bytesRead > 0
            ? `${formatBytes(importState.bytesRead)} read`
            : "not read yet"
          : fileSize(importState)}
      </Figure>
      {isActive ? (
        <SpeedFigures importState={importState} live={live} isStalled={isStalled} />
      ) : (
        <EndFigures importState={importState} />
      )}
    </dl>
  );
}

function SpeedFigures({
  importState,
  live: { rowsPerSecond, bytesPerSecond },
  isStalled,
}: {
  importState: ImportStateFragment;
  live: LiveImport;
  isStalled: boolean;
}) {
  const left =
    bytesPerSecond && importState.bytesTotal !== null
      ? (importState.bytesTotal - importState.bytesRead) / bytesPerSecond
      : null;
  if (isFinalising(importState) || isStalled) {
    const label = isFinalising(importState) ? "adding to totals" : "stalled";
    return (
      <>
        <Figure label="Rows per second">{label}</Figure>
        <Figure label="Time left">unknown</Figure>
      </>
    );
  }
  return (
    <>
      <Figure label="Rows per second">{rowsPerSecond ? formatInteger(Math.round(rowsPerSecond)) : "measuring"}</Figure>
      <Figure label="Time left">{left === null ? "measuring" : formatDuration(left)}</Figure>
    </>
  );
}

function EndFigures({ importState: { rowsRead, startedAt, finishedAt } }: { importState: ImportStateFragment }) {
  if (finishedAt === null) return null;
  const seconds = startedAt === null ? 0 : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return (
    <>
      {seconds > 0 && rowsRead > 0 && (
        <Figure label="Duration" note={`${formatInteger(Math.round(rowsRead / seconds))} rows per second`}>
          {seconds < 1 ? "less than 1 s" : formatDuration(seconds)}
        </Figure>
      )}
      <Figure label="Finished">{formatDateTime(finishedAt)}</Figure>
    </>
  );
}

function Figure({ label, note, children }: { label: string; note?: string | undefined; children: ReactNode }) {
  return (
    <div className="figure">
      <dt>{label}</dt>
      <dd>{children}</dd>
      {note && <dd className="soft small">{note}</dd>}
    </div>
  );
}

function importedRowsNote({ status, kind, rowsImported }: ImportStateFragment): string | undefined {
  if (rowsImported === 0 || countsImmediately(kind)) return undefined;
  if (status === "QUEUED" || status === "RUNNING") return "count once the import is complete";
  return status === "FAILED" ? "none of them count" : undefined;
}

const fileSize = ({ bytesTotal }: ImportStateFragment) =>
  bytesTotal === null ? "never uploaded" : formatBytes(bytesTotal);
