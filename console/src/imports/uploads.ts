/**
 * The files of this tab on their way to the server: chosen, then sent one after another.
 *
 * They are kept here and not on a page, so that an upload goes on while its reader looks at other pages. Each has the id
 * of its import to be: whatever step of it is sent again makes nothing twice.
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
  /** What it begins with; a text where that cannot be read, null until it is. */
  preview: FilePreview | string | null;
  kind: ImportKind;
  /** Null until it is chosen, for readings of a park. */
  parkId: string | null;
  chargeTariff: ChargeTariff;
  /** Whether its import was there before: what kind it is of is settled. */
  isExistingImport: boolean;
  phase: "chosen" | "waiting" | "uploading" | "starting" | "started" | "duplicate" | "failed";
  bytesSent: number;
  bytesPerSecond: number | null;
  /** Why it failed. */
  message: string;
  /** The import that brought the same bytes before. */
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
    // Whoever signs in next is to see nothing of it.
    session.subscribe(() => {
      if (session.state.phase !== "out") return;
      for (const controller of this.abortControllers.values()) controller.abort();
      this.set([]);
    });
  }

  /** Takes files in, to be looked at: each of one of these kinds, or of an import that awaits its file. */
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
    this.set(this.all.map((each) => (each.id === id ? { ...each, ...changes } : each)));
  }

  /** Sends those that are ready, one after another. */
  send(client: Client, ids: readonly string[]): void {
    for (const id of ids) this.update(id, { phase: "waiting", message: "", bytesSent: 0, bytesPerSecond: null });
    if (!this.isRunning) void this.run(client);
  }

  /** Stops one, wherever it is, and forgets it. */
  abort(id: string): void {
    this.abortControllers.get(id)?.abort();
    this.remove(id);
  }

  /** The same, and takes back that it was announced; an import that was there before goes on waiting for its file. */
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

  /** The same bytes are in already: what was registered for them is given up. */
  private async markDuplicate(client: Client, id: string, importId: string): Promise<void> {
    const [{ data }] = await Promise.all([
      client.query(GetImportDocument, { id: importId }, { requestPolicy: "network-only" }).toPromise(),
      client.mutation(CancelImportDocument, { input: { id } }).toPromise(),
    ]);
    this.update(id, { phase: "duplicate", duplicateOf: data?.getImport ?? null });
  }

  private fail(id: string, error: CombinedError | undefined): void {
    const message = error ? errorMessage(error) : "The server did not say where to put the file.";
    this.update(id, { phase: "failed", message });
    // An import that was cancelled meanwhile takes nothing more: the file is sent as another.
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

/** Whether all is known that it takes to send it, and nothing speaks against it. */
export const isReady = ({ phase, preview, kind, parkId }: Upload) =>
  phase === "chosen" &&
  preview !== null &&
  typeof preview !== "string" &&
  matchColumns(kind, preview.columnNames).isMatch &&
  (kind !== "PARK_READINGS" || parkId !== null);

/** Announces a file, and asks where to put it. */
async function register(client: Client, { id, file, kind, parkId, chargeTariff, isExistingImport }: Upload) {
  const create = (chargeTariff: ChargeTariff) =>
    client
      .mutation(CreateImportDocument, {
        input: { id, kind, fileName: file.name, parkId: kind === "PARK_READINGS" ? parkId : null, chargeTariff },
      })
      .toPromise();
  let { data, error } = await create(chargeTariff);
  // The API does not say what the tariffs of an import that was there before were said to mean: it is the other.
  if (isExistingImport && error && apiErrorOf(error).errorType === "Conflict")
    ({ data, error } = await create("EARNING"));
  return { url: data?.createImport?.uploadUrl, error };
}

async function putFailureMessage(result: PutResult, file: File): Promise<string> {
  if (result.outcome === "refused")
    return `The file store refused the file (status ${result.status}). Nothing was imported.`;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return "The file was changed or moved while it was uploaded. Nothing was imported; choose it again.";
  }
  return "The connection broke before all of the file was there. Nothing was imported; trying again is safe.";
}

/** Tells how fast bytes have gone over the last seconds; null until there is something to tell. */
function createSpeedMeter(): (bytes: number) => number | null {
  let marks: { at: number; bytes: number }[] = [{ at: performance.now(), bytes: 0 }];
  return (bytes) => {
    const now = performance.now();
    marks = [...marks.filter(({ at }) => now - at < SPEED_WINDOW_MS), { at: now, bytes }];
    const [first] = marks;
    return first && now > first.at ? ((bytes - first.bytes) / (now - first.at)) * 1000 : null;
  };
}
