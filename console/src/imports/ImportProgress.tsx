/** How far an import is, or how it ended. */

import { CircleCheck } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { bytes, count, duration, formatMoment } from "../components/format";
import { Notice } from "../components/Notice";
import { useIsAway } from "../connection";
import type { ImportStateFragment } from "../schema";
import { countsAtOnce, isCountingIn, isUnderWay, STATES, stateInWords } from "./importStatus";
import { type Followed, useNow } from "./liveImports";
import { Bar } from "./PercentBar";

// The server tells of an import each second, so news of another kind than this is the worker's to give.
const WORKER_SILENT_AFTER_S = 5;
const STILL_WAITING_AFTER_S = 10;

export function Progress({ of, followed }: { of: ImportStateFragment; followed: Followed }) {
  const { label, tone } = STATES[of.status];
  const silent = useSilence(of, followed);
  return (
    <section className="card stack" aria-label="Progress">
      <div className="row">
        <span className={`tag ${tone}`} role="status">
          {of.status === "COMPLETED" && <CircleCheck size={13} aria-hidden />}
          {label}
        </span>
        <p>{stateInWords(of)}</p>
      </div>
      {of.failureReason && <Notice tone="bad">{of.failureReason}</Notice>}
      {of.status === "RUNNING" && <Bar label="Read" percent={of.percentComplete} />}
      {/* Without its seconds, which would be read out one after another. */}
      <span className="visually-hidden" role="status">
        {silent && "The worker is silent."}
      </span>
      {silent && <Notice tone="warn">{silent}</Notice>}
      {of.status !== "AWAITING_UPLOAD" && (
        <Figures of={of} followed={followed} isHeldUp={of.status === "RUNNING" && silent !== null} />
      )}
    </section>
  );
}

/** Says so when a worker has not been heard from: it is not for the reader to do anything about it. */
function useSilence(of: ImportStateFragment, { gotOnAt, heardAt }: Followed): string | null {
  const now = useNow(isUnderWay(of));
  const isAway = useIsAway();
  const silent = Math.floor((now - gotOnAt) / 1000);
  // While nothing comes from the server, it is not known whether its worker is silent.
  if (!isUnderWay(of) || isAway || now - heardAt > WORKER_SILENT_AFTER_S * 1000) return null;
  if (of.status === "QUEUED") {
    return silent < STILL_WAITING_AFTER_S
      ? null
      : `No worker was free to take it up for ${duration(silent)}. It begins by itself when one is.`;
  }
  if (silent < WORKER_SILENT_AFTER_S) return null;
  return isCountingIn(of)
    ? `Its rows have been counted in for ${duration(silent)}, which takes the longer the more of the same months other imports have brought. If its worker is gone, another goes on by itself.`
    : `No worker has been heard from for ${duration(silent)}. It resumes from row ${count(of.rowsRead + 1)} by itself.`;
}

function Figures({ of, followed, isHeldUp }: { of: ImportStateFragment; followed: Followed; isHeldUp: boolean }) {
  const isAtIt = isUnderWay(of);
  const isTakenBack = of.status === "CANCELLED" || of.status === "REVERTED";
  const none = isAtIt ? "none yet" : "none";
  const rows = (figure: number) => (figure > 0 ? count(figure) : none);
  return (
    <dl className="figures">
      <Figure label="Rows read">{rows(of.rowsRead)}</Figure>
      <Figure label={isTakenBack ? "Rows taken back" : "Rows imported"} note={meaning(of)}>
        {rows(of.rowsImported)}
      </Figure>
      <Figure label="Rows in already">
        {of.rowsDuplicated > 0 ? <Link to="#warnings">{count(of.rowsDuplicated)}</Link> : none}
      </Figure>
      <Figure label="Rows rejected">
        {of.rowsRejected > 0 ? <Link to="#rejections">{count(of.rowsRejected)}</Link> : none}
      </Figure>
      <Figure label="File" note={isAtIt && of.bytesTotal !== null ? `of ${bytes(of.bytesTotal)}` : undefined}>
        {isAtIt ? (of.bytesRead > 0 ? `${bytes(of.bytesRead)} read` : "not read yet") : size(of)}
      </Figure>
      {isAtIt ? <Speed of={of} followed={followed} isHeldUp={isHeldUp} /> : <Ended of={of} />}
    </dl>
  );
}

function Speed({
  of,
  followed: { rowsPerSecond, bytesPerSecond },
  isHeldUp,
}: {
  of: ImportStateFragment;
  followed: Followed;
  isHeldUp: boolean;
}) {
  const left = bytesPerSecond && of.bytesTotal !== null ? (of.bytesTotal - of.bytesRead) / bytesPerSecond : null;
  if (isCountingIn(of) || isHeldUp) {
    const told = isCountingIn(of) ? "counting in" : "held up";
    return (
      <>
        <Figure label="Rows a second">{told}</Figure>
        <Figure label="Time left">not known</Figure>
      </>
    );
  }
  return (
    <>
      <Figure label="Rows a second">{rowsPerSecond ? count(Math.round(rowsPerSecond)) : "being measured"}</Figure>
      <Figure label="Time left">{left === null ? "being measured" : duration(left)}</Figure>
    </>
  );
}

function Ended({ of: { rowsRead, startedAt, finishedAt } }: { of: ImportStateFragment }) {
  if (finishedAt === null) return null;
  const seconds = startedAt === null ? 0 : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
  return (
    <>
      {seconds > 0 && rowsRead > 0 && (
        <Figure label="Took" note={`${count(Math.round(rowsRead / seconds))} rows a second`}>
          {seconds < 1 ? "less than 1 s" : duration(seconds)}
        </Figure>
      )}
      <Figure label="Ended">{formatMoment(finishedAt)}</Figure>
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

function meaning({ status, kind, rowsImported }: ImportStateFragment): string | undefined {
  if (rowsImported === 0 || countsAtOnce(kind)) return undefined;
  if (status === "QUEUED" || status === "RUNNING") return "count once all are in";
  return status === "FAILED" ? "none of them counts" : undefined;
}

const size = ({ bytesTotal }: ImportStateFragment) => (bytesTotal === null ? "never uploaded" : bytes(bytesTotal));
