/**
 * The upload queue of this tab: files are selected, then sent one after another.
 *
 * The queue is outside the pages, so that uploads continue while the user visits other pages. Each upload already has
 * the id of its future import, so that every step is idempotent and can be repeated.
 */

import { useSyncExternalStore } from "react";
import type { Client, CombinedError } from "urql";

import { apiErrorOf, errorMessage } from "../components/errors";
import {
  CancelImportDocument,
  type ChargeTariff,
  CreateImportDocument,
  GetImportDocument,
  type ImportKind,
  type ImportStateFragment,
  StartImportDocument,
} from "../schema";
import { session } from "../session/session";
import { type FilePreview, guessKind, matchColumns, readFilePreview } from "./filePreview";
import { type PutResult, putFile } from "./putFile";

export interface Upload {
  id: string;
  file: File;
  /** The preview, an error message if the file cannot be read, or null while it is being read. */
  preview: FilePreview | string | null;
  kind: ImportKind;
  /** The park of a readings file; null until chosen. */
  parkId: string | null;
  chargeTariff: ChargeTariff;
  /** Whether the import was registered before, so that its kind is fixed. */
  isExistingImport: boolean;
  phase: "chosen" | "waiting" | "uploading" | "starting" | "started" | "duplicate" | "failed";
  bytesSent: number;
  bytesPerSecond: number | null;
  /** The error message of a failed upload. */
  message: string;
  /** The earlier import of the same bytes. */
  duplicateOf: ImportStateFragment | null;
}

const SPEED_WINDOW_MS = 5000;

class Uploads {
  all: readonly Upload[] = [];

  private listeners = new Set<() => void>();
  private abortControllers = new Map<string, AbortController>();
  private isRunning = false;

  constructor() {
    addEventListener("beforeunload", (event) => this.all.some(isUnderWay) && event.preventDefault());
    // Clear the queue on sign-out, so that the next user does not see it.
    session.subscribe(() => {
      if (session.state.phase !== "signedOut") return;
      for (const controller of this.abortControllers.values()) controller.abort();
      this.set([]);
    });
  }

  /** Adds selected files and previews them: files of one of `kinds`, or the file that the import `existing` awaits. */
  add(files: readonly File[], kinds: readonly ImportKind[], existing?: ImportStateFragment): void {
    const chosen = files.map(
      (file): Upload => ({
        id: existing?.id ?? crypto.randomUUID(),
        file,
        preview: null,
        kind: kinds[0] ?? "BATTERY_EVENTS",
        parkId: existing?.park?.id ?? null,
        chargeTariff: "COST",
        isExistingImport: existing !== undefined,
        phase: "chosen",
        bytesSent: 0,
        bytesPerSecond: null,
        message: "",
        duplicateOf: null,
      }),
    );
    this.set([...this.all.filter(({ id }) => id !== existing?.id), ...chosen]);
    for (const { id, file } of chosen) {
      void readFilePreview(file).then((preview) =>
        this.update(id, {
          preview,
          ...(typeof preview === "object" ? { kind: guessKind(preview.columnNames, kinds) } : {}),
        }),
      );
    }
  }

  update(id: string, changes: Partial<Upload>): void {
    this.set(this.all.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload)));
  }

  /** Sends uploads one after another. */
  send(client: Client, ids: readonly string[]): void {
    for (const id of ids) this.update(id, { phase: "waiting", message: "", bytesSent: 0, bytesPerSecond: null });
    if (!this.isRunning) void this.run(client);
  }

  /** Aborts an upload in any phase, and removes it. */
  abort(id: string): void {
    this.abortControllers.get(id)?.abort();
    this.remove(id);
  }

  /** Aborts and removes an upload. Cancels its import, unless the import existed before: then it still awaits its file. */
  async stop(client: Client, { id, phase, isExistingImport }: Upload): Promise<void> {
    this.abortControllers.get(id)?.abort();
    if (phase !== "chosen" && !isExistingImport)
      await client.mutation(CancelImportDocument, { input: { id } }).toPromise();
    this.remove(id);
  }

  remove(...ids: string[]): void {
    this.set(this.all.filter(({ id }) => !ids.includes(id)));
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private async run(client: Client): Promise<void> {
    this.isRunning = true;
    try {
      for (let next = this.firstWaiting(); next; next = this.firstWaiting()) await this.sendOne(client, next);
    } finally {
      this.isRunning = false;
    }
  }

  private firstWaiting(): Upload | undefined {
    return this.all.find(({ phase }) => phase === "waiting");
  }

  private async sendOne(client: Client, upload: Upload): Promise<void> {
    const { id, file } = upload;
    const stop = new AbortController();
    this.abortControllers.set(id, stop);
    this.update(id, { phase: "uploading" });
    try {
      const { url, error: createError } = await register(client, upload);
      if (stop.signal.aborted) return;
      if (!url) {
        this.fail(id, createError);
        return;
      }
      const speed = createSpeedMeter();
      const result = await putFile(
        url,
        file,
        (bytesSent) => this.update(id, { bytesSent, bytesPerSecond: speed(bytesSent) }),
        stop.signal,
      );
      if (result.outcome === "stopped") return;
      if (result.outcome !== "stored") {
        this.update(id, { phase: "failed", message: await putFailureMessage(result, file) });
        return;
      }
      this.update(id, { phase: "starting", bytesSent: file.size });
      const { error: startError } = await client.mutation(StartImportDocument, { input: { id } }).toPromise();
      if (stop.signal.aborted) return;
      const importId = startError && apiErrorOf(startError).errorInfo?.importId;
      if (typeof importId === "string") await this.markDuplicate(client, id, importId);
      else if (startError) this.fail(id, startError);
      else this.update(id, { phase: "started" });
    } finally {
      this.abortControllers.delete(id);
    }
  }

  /** Handles a file that was imported before: cancels the new import, and shows the earlier one. */
  private async markDuplicate(client: Client, id: string, importId: string): Promise<void> {
    const [{ data }] = await Promise.all([
      client.query(GetImportDocument, { id: importId }, { requestPolicy: "network-only" }).toPromise(),
      client.mutation(CancelImportDocument, { input: { id } }).toPromise(),
    ]);
    this.update(id, { phase: "duplicate", duplicateOf: data?.getImport ?? null });
  }

  private fail(id: string, error: CombinedError | undefined): void {
    const message = error ? errorMessage(error) : "The server did not return an upload URL.";
    this.update(id, { phase: "failed", message });
    // The import was cancelled meanwhile and accepts no file: a retry needs a new import id.
    if (error && apiErrorOf(error).errorType === "Conflict") this.update(id, { id: crypto.randomUUID() });
  }

  private set(all: readonly Upload[]): void {
    this.all = all;
    for (const listener of this.listeners) listener();
  }
}

export const uploads = new Uploads();

export const useUploads = () => useSyncExternalStore(uploads.subscribe, () => uploads.all);

export const isUnderWay = ({ phase }: Upload) => phase === "waiting" || phase === "uploading" || phase === "starting";

/** Whether the upload is valid and complete, so that it can be sent. */
export const isReady = ({ phase, preview, kind, parkId }: Upload) =>
  phase === "chosen" &&
  preview !== null &&
  typeof preview !== "string" &&
  matchColumns(kind, preview.columnNames).isMatch &&
  (kind !== "PARK_READINGS" || parkId !== null);

/** Registers the import, and returns the presigned upload URL. */
async function register(client: Client, { id, file, kind, parkId, chargeTariff, isExistingImport }: Upload) {
  const create = (chargeTariff: ChargeTariff) =>
    client
      .mutation(CreateImportDocument, {
        input: { id, kind, fileName: file.name, parkId: kind === "PARK_READINGS" ? parkId : null, chargeTariff },
      })
      .toPromise();
  let { data, error } = await create(chargeTariff);
  // The API does not return an existing import's chargeTariff. A conflict with the default means that it is EARNING.
  if (isExistingImport && error && apiErrorOf(error).errorType === "Conflict")
    ({ data, error } = await create("EARNING"));
  return { url: data?.createImport?.uploadUrl, error };
}

async function putFailureMessage(result: PutResult, file: File): Promise<string> {
  if (result.outcome === "refused")
    return `The object store rejected the file (HTTP status ${result.status}). Nothing was imported.`;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return "The file was changed or moved while it was uploaded. Nothing was imported; choose it again.";
  }
  return "The connection was lost before the upload was complete. Nothing was imported; trying again is safe.";
}

/** Returns a function that measures the speed over the last SPEED_WINDOW_MS; null until it can be measured. */
function createSpeedMeter(): (bytes: number) => number | null {
  let samples: { at: number; bytes: number }[] = [{ at: performance.now(), bytes: 0 }];
  return (bytes) => {
    const now = performance.now();
    samples = [...samples.filter(({ at }) => now - at < SPEED_WINDOW_MS), { at: now, bytes }];
    const [first] = samples;
    return first && now > first.at ? ((bytes - first.bytes) / (now - first.at)) * 1000 : null;
  };
}
