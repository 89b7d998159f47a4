/** The statuses of an import, for users. */

import { formatInteger } from "../components/format";
import type { ImportKind, ImportStateFragment, ImportStatus } from "../schema";

export const STATUSES: Record<ImportStatus, { label: string; tone: "" | "accent" | "good" | "bad" }> = {
  AWAITING_UPLOAD: { label: "Awaiting its file", tone: "" },
  QUEUED: { label: "Waiting for a worker", tone: "accent" },
  RUNNING: { label: "Running", tone: "accent" },
  COMPLETED: { label: "Imported", tone: "good" },
  FAILED: { label: "Failed", tone: "bad" },
  CANCELLED: { label: "Cancelled", tone: "" },
  REVERTED: { label: "Reverted", tone: "" },
};

export const ALL_STATUSES = Object.keys(STATUSES) as ImportStatus[];

export const isUnderWay = ({ status }: ImportStateFragment) => status === "QUEUED" || status === "RUNNING";

/** Whether all rows are read, and the worker is adding them to the totals. */
export const isFinalising = ({ status, bytesRead, bytesTotal }: ImportStateFragment) =>
  status === "RUNNING" && bytesTotal !== null && bytesRead >= bytesTotal;

/** Whether rows take effect while the import runs: events count once it is complete, parks and readings at once. */
export const countsImmediately = (kind: ImportKind) => kind !== "BATTERY_EVENTS";

/** Describes an import's progress or result in a sentence. */
export function describeStatus(importState: ImportStateFragment): string {
  const nextRow = formatInteger(importState.rowsRead + 1);
  switch (importState.status) {
    case "AWAITING_UPLOAD":
      return "Its file is not here yet, and nothing is imported.";
    case "QUEUED":
      return importState.rowsRead > 0
        ? `Waiting for a worker, to go on from row ${nextRow}.`
        : "Waiting for a worker. It starts by itself.";
    case "RUNNING":
      if (isFinalising(importState)) return "All rows are read, and are being counted in.";
      return importState.rowsRead > 0 ? "Rows are being read." : "A worker has begun with it.";
    case "COMPLETED":
      if (importState.rowsImported === 0) return "It is done, and brought in nothing new.";
      if (importState.rowsRead === 1) return "Its one row is in, and counts.";
      return importState.rowsImported === importState.rowsRead
        ? `All of its ${formatInteger(importState.rowsRead)} rows are in, and count.`
        : `${formatInteger(importState.rowsImported)} of its ${formatInteger(importState.rowsRead)} rows ${importState.rowsImported === 1 ? "is in, and counts" : "are in, and count"}.`;
    case "FAILED":
      return countsImmediately(importState.kind)
        ? "What it had brought in by then counts. Cancel it to take that back."
        : "None of its rows count.";
    case "CANCELLED":
      return countsImmediately(importState.kind)
        ? "What it had changed is as it was before it."
        : "None of its rows count.";
    case "REVERTED":
      return countsImmediately(importState.kind)
        ? "What it had changed is as it was before it, where no later import has changed it."
        : "Its rows were taken back: none of them counts.";
  }
}
