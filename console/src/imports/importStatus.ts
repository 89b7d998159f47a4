/** The statuses of an import, for users. */

import { formatInteger } from "../components/format";
import type { ImportKind, ImportStateFragment, ImportStatus } from "../schema";

export const STATUSES: Record<ImportStatus, { label: string; tone: "" | "accent" | "good" | "bad" }> = {
  AWAITING_UPLOAD: { label: "Awaiting file", tone: "" },
  QUEUED: { label: "Queued", tone: "accent" },
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

/** Whether rows take effect while the import runs: events count once it is complete, parks and readings immediately. */
export const countsImmediately = (kind: ImportKind) => kind !== "BATTERY_EVENTS";

/** Describes an import's progress or result in a sentence. */
export function describeStatus(importState: ImportStateFragment): string {
  const nextRow = formatInteger(importState.rowsRead + 1);
  switch (importState.status) {
    case "AWAITING_UPLOAD":
      return "The file is not uploaded yet, so nothing is imported.";
    case "QUEUED":
      return importState.rowsRead > 0
        ? `Waiting for a worker to resume from row ${nextRow}.`
        : "Waiting for a worker. The import starts automatically.";
    case "RUNNING":
      if (isFinalising(importState)) return "All rows are read, and are being added to the totals.";
      return importState.rowsRead > 0 ? "Rows are being read." : "A worker has started the import.";
    case "COMPLETED":
      if (importState.rowsImported === 0) return "Complete. The file had no new rows.";
      if (importState.rowsRead === 1) return "Its one row is imported and counts.";
      return importState.rowsImported === importState.rowsRead
        ? `All ${formatInteger(importState.rowsRead)} rows are imported and count.`
        : `${formatInteger(importState.rowsImported)} of ${formatInteger(importState.rowsRead)} rows ${importState.rowsImported === 1 ? "is imported and counts" : "are imported and count"}.`;
    case "FAILED":
      return countsImmediately(importState.kind)
        ? "The rows imported before the failure count. Cancel the import to remove them."
        : "None of its rows count.";
    case "CANCELLED":
      return countsImmediately(importState.kind) ? "Its changes were undone." : "None of its rows count.";
    case "REVERTED":
      return countsImmediately(importState.kind)
        ? "Its changes were undone, except where a later import has changed the same data."
        : "Its rows were removed: none of them count.";
  }
}
