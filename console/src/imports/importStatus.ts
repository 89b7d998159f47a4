/** The states of an import, in words. */

import { count } from "../components/format";
import type { ImportKind, ImportStateFragment, ImportStatus } from "../schema";

export const STATES: Record<ImportStatus, { label: string; tone: "" | "accent" | "good" | "bad" }> = {
  AWAITING_UPLOAD: { label: "Awaiting its file", tone: "" },
  QUEUED: { label: "Waiting for a worker", tone: "accent" },
  RUNNING: { label: "Running", tone: "accent" },
  COMPLETED: { label: "Imported", tone: "good" },
  FAILED: { label: "Failed", tone: "bad" },
  CANCELLED: { label: "Cancelled", tone: "" },
  REVERTED: { label: "Reverted", tone: "" },
};

export const ALL_STATES = Object.keys(STATES) as ImportStatus[];

export const isUnderWay = ({ status }: ImportStateFragment) => status === "QUEUED" || status === "RUNNING";

/** Whether all rows are read, and what is left to do is to let them count. */
export const isCountingIn = ({ status, bytesRead, bytesTotal }: ImportStateFragment) =>
  status === "RUNNING" && bytesTotal !== null && bytesRead >= bytesTotal;

/** Events count once all of them are in; parks and readings do from the moment they are read. */
export const countsAtOnce = (kind: ImportKind) => kind !== "BATTERY_EVENTS";

/** Says what an import is at, or what became of it. */
export function stateInWords(of: ImportStateFragment): string {
  const nextRow = count(of.rowsRead + 1);
  switch (of.status) {
    case "AWAITING_UPLOAD":
      return "Its file is not here yet, and nothing is imported.";
    case "QUEUED":
      return of.rowsRead > 0
        ? `Waiting for a worker, to go on from row ${nextRow}.`
        : "Waiting for a worker. It starts by itself.";
    case "RUNNING":
      if (isCountingIn(of)) return "All rows are read, and are being counted in.";
      return of.rowsRead > 0 ? "Rows are being read." : "A worker has begun with it.";
    case "COMPLETED":
      if (of.rowsImported === 0) return "It is done, and brought in nothing new.";
      if (of.rowsRead === 1) return "Its one row is in, and counts.";
      return of.rowsImported === of.rowsRead
        ? `All of its ${count(of.rowsRead)} rows are in, and count.`
        : `${count(of.rowsImported)} of its ${count(of.rowsRead)} rows ${of.rowsImported === 1 ? "is in, and counts" : "are in, and count"}.`;
    case "FAILED":
      return countsAtOnce(of.kind)
        ? "What it had brought in by then counts. Cancel it to take that back."
        : "None of its rows count.";
    case "CANCELLED":
      return countsAtOnce(of.kind) ? "What it had changed is as it was before it." : "None of its rows count.";
    case "REVERTED":
      return countsAtOnce(of.kind)
        ? "What it had changed is as it was before it, where no later import has changed it."
        : "Its rows were taken back: none of them counts.";
  }
}
