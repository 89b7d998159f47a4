/**
 * The files of this tab on their way to the server: chosen, then sent one after another.
 *
 * They are kept here and not on a page, so that an upload goes on while its reader looks at other pages. Each has the id
 * of its import to be: whatever step of it is sent again makes nothing twice.
 */

import { useSyncExternalStore } from "react";
import type { Client, CombinedError } from "urql";

import { refusalOf, sentence } from "../components/states";
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
import { type Beginning, guessKind, match, readBeginning } from "./filePreview";
import { type Put, put } from "./putFile";

export interface Upload {
  id: string;
  file: File;
  /** What it begins with; a text where that cannot be read, null until it is. */
  beginning: Beginning | string | null;
  kind: ImportKind;
  /** Null until it is chosen, for readings of a park. */
  parkId: string | null;
  chargeTariff: ChargeTariff;
  /** Whether its import was there before: what kind it is of is settled. */
  isOfImport: boolean;
  phase: "chosen" | "waiting" | "uploading" | "starting" | "started" | "known" | "failed";
  bytesSent: number;
  bytesPerSecond: number | null;
  /** Why it failed. */
  told: string;
  /** The import that brought the same bytes before. */
  known: ImportStateFragment | null;
}

const SPEED_OVER_MS = 5000;

class Uploads {
  all: readonly Upload[] = [];

  private listeners = new Set<() => void>();
  private stops = new Map<string, AbortController>();
  private isRunning = false;

  constructor() {
    addEventListener("beforeunload", (event) => this.all.some(isUnderWay) && event.preventDefault());
    // Whoever signs in next is to see nothing of it.
    session.subscribe(() => {
      if (session.state.phase !== "out") return;
      for (const stop of this.stops.values()) stop.abort();
      this.set([]);
    });
  }

  /** Takes files in, to be looked at: each of one of these kinds, or of an import that awaits its file. */
  choose(files: readonly File[], kinds: readonly ImportKind[], of?: ImportStateFragment): void {
    const chosen = files.map(
      (file): Upload => ({
        id: of?.id ?? crypto.randomUUID(),
        file,
        beginning: null,
        kind: kinds[0] ?? "BATTERY_EVENTS",
        parkId: of?.park?.id ?? null,
        chargeTariff: "COST",
        isOfImport: of !== undefined,
        phase: "chosen",
        bytesSent: 0,
        bytesPerSecond: null,
        told: "",
        known: null,
      }),
    );
    this.set([...this.all.filter(({ id }) => id !== of?.id), ...chosen]);
    for (const { id, file } of chosen) {
      void readBeginning(file).then((beginning) =>
        this.change(id, {
          beginning,
          ...(typeof beginning === "object" ? { kind: guessKind(beginning.names, kinds) } : {}),
        }),
      );
    }
  }

  change(id: string, changes: Partial<Upload>): void {
    this.set(this.all.map((each) => (each.id === id ? { ...each, ...changes } : each)));
  }

  /** Sends those that are ready, one after another. */
  send(client: Client, ids: readonly string[]): void {
    for (const id of ids) this.change(id, { phase: "waiting", told: "", bytesSent: 0, bytesPerSecond: null });
    if (!this.isRunning) void this.run(client);
  }

  /** Stops one, wherever it is, and forgets it. */
  abandon(id: string): void {
    this.stops.get(id)?.abort();
    this.forget(id);
  }

  /** The same, and takes back that it was announced; an import that was there before goes on waiting for its file. */
  async stop(client: Client, { id, phase, isOfImport }: Upload): Promise<void> {
    this.stops.get(id)?.abort();
    if (phase !== "chosen" && !isOfImport) await client.mutation(CancelImportDocument, { input: { id } }).toPromise();
    this.forget(id);
  }

  forget(...ids: string[]): void {
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
    this.stops.set(id, stop);
    this.change(id, { phase: "uploading" });
    try {
      const { url, error: notCreated } = await register(client, upload);
      if (stop.signal.aborted) return;
      if (!url) {
        this.fail(id, notCreated);
        return;
      }
      const speed = speedometer();
      const ended = await put(
        url,
        file,
        (bytesSent) => this.change(id, { bytesSent, bytesPerSecond: speed(bytesSent) }),
        stop.signal,
      );
      if (ended.ended === "stopped") return;
      if (ended.ended !== "stored") {
        this.change(id, { phase: "failed", told: await reason(ended, file) });
        return;
      }
      this.change(id, { phase: "starting", bytesSent: file.size });
      const { error: notStarted } = await client.mutation(StartImportDocument, { input: { id } }).toPromise();
      if (stop.signal.aborted) return;
      const known = notStarted && refusalOf(notStarted).errorInfo?.importId;
      if (typeof known === "string") await this.isKnown(client, id, known);
      else if (notStarted) this.fail(id, notStarted);
      else this.change(id, { phase: "started" });
    } finally {
      this.stops.delete(id);
    }
  }

  /** The same bytes are in already: what was registered for them is given up. */
  private async isKnown(client: Client, id: string, knownId: string): Promise<void> {
    const [{ data }] = await Promise.all([
      client.query(GetImportDocument, { id: knownId }, { requestPolicy: "network-only" }).toPromise(),
      client.mutation(CancelImportDocument, { input: { id } }).toPromise(),
    ]);
    this.change(id, { phase: "known", known: data?.getImport ?? null });
  }

  private fail(id: string, error: CombinedError | undefined): void {
    const told = error ? sentence(error) : "The server did not say where to put the file.";
    this.change(id, { phase: "failed", told });
    // An import that was cancelled meanwhile takes nothing more: the file is sent as another.
    if (error && refusalOf(error).errorType === "Conflict") this.change(id, { id: crypto.randomUUID() });
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
export const isReady = ({ phase, beginning, kind, parkId }: Upload) =>
  phase === "chosen" &&
  beginning !== null &&
  typeof beginning !== "string" &&
  match(kind, beginning.names).fits &&
  (kind !== "PARK_READINGS" || parkId !== null);

/** Announces a file, and asks where to put it. */
async function register(client: Client, { id, file, kind, parkId, chargeTariff, isOfImport }: Upload) {
  const create = (chargeTariff: ChargeTariff) =>
    client
      .mutation(CreateImportDocument, {
        input: { id, kind, fileName: file.name, parkId: kind === "PARK_READINGS" ? parkId : null, chargeTariff },
      })
      .toPromise();
  let { data, error } = await create(chargeTariff);
  // The API does not say what the tariffs of an import that was there before were said to mean: it is the other.
  if (isOfImport && error && refusalOf(error).errorType === "Conflict") ({ data, error } = await create("EARNING"));
  return { url: data?.createImport?.uploadUrl, error };
}

async function reason(ended: Put, file: File): Promise<string> {
  if (ended.ended === "refused")
    return `The file store refused the file (status ${ended.status}). Nothing was imported.`;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return "The file was changed or moved while it was uploaded. Nothing was imported; choose it again.";
  }
  return "The connection broke before all of the file was there. Nothing was imported; trying again is safe.";
}

/** Tells how fast bytes have gone over the last seconds; null until there is something to tell. */
function speedometer(): (bytes: number) => number | null {
  let marks: { at: number; bytes: number }[] = [{ at: performance.now(), bytes: 0 }];
  return (bytes) => {
    const now = performance.now();
    marks = [...marks.filter(({ at }) => now - at < SPEED_OVER_MS), { at: now, bytes }];
    const [first] = marks;
    return first && now > first.at ? ((bytes - first.bytes) / (now - first.at)) * 1000 : null;
  };
}
