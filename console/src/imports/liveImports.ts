/** Live import states by GraphQL subscription: one import with its speed, or a list of them. */

import { useEffect, useReducer, useState } from "react";
import { type Client, type CombinedError, useClient } from "urql";
import { pipe, subscribe } from "wonka";

import { connection } from "../connection";
import { GetImportDocument, type ImportStateFragment, OnImportProgressDocument } from "../schema";
import { isUnderWay } from "./importStatus";

// The server sends the state of a running import every second, changed or not. Two missed messages mean a dead socket.
const STREAM_TIMEOUT_MS = 2000;
const SPEED_WINDOW_MS = 15_000;

export interface LiveImport {
  /** Undefined until loaded, null if the import does not exist. */
  import: ImportStateFragment | null | undefined;
  error: CombinedError | undefined;
  /** When the import last made progress, by this machine's clock. */
  progressedAtMs: number;
  /** When the server last sent the import's state. */
  receivedAtMs: number;
  /** The recent speed; null until there are two samples. */
  rowsPerSecond: number | null;
  bytesPerSecond: number | null;
}

interface Sample {
  at: number;
  rows: number;
  bytes: number;
}

type State = LiveImport & { samples: readonly Sample[] };

const UNKNOWN: State = {
  import: undefined,
  error: undefined,
  progressedAtMs: 0,
  receivedAtMs: 0,
  rowsPerSecond: null,
  bytesPerSecond: null,
  samples: [],
};

type ImportUpdate = { now: number; import?: ImportStateFragment | null; error?: CombinedError | undefined };

/** Subscribes to an import, and falls back to polling while the subscription is silent. */
export function useImport(
  id: string,
): LiveImport & { reload: () => void; setImport: (state: ImportStateFragment) => void } {
  const client = useClient();
  const [state, dispatch] = useReducer(applyUpdate, UNKNOWN);
  const [reloadCount, reload] = useReducer((count: number) => count + 1, 0);
  const exists = state.import != null;
  const isActive = exists && isUnderWay(state.import as ImportStateFragment);
  const isSilent = useNow(isActive) - state.receivedAtMs > STREAM_TIMEOUT_MS;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new reloadCount reads the import again.
  useEffect(() => {
    let isCurrent = true;
    const refetch = async () => {
      const update = await fetchImport(client, id);
      if (isCurrent) dispatch(update);
    };
    void refetch();
    const stop = connection.onRefreshNeeded(() => void refetch());
    return () => {
      isCurrent = false;
      stop();
    };
  }, [client, id, reloadCount]);

  useEffect(() => {
    if (!exists) return;
    const subscription = pipe(
      client.subscription(OnImportProgressDocument, { id }),
      subscribe(({ data }) => data?.onImportProgress && dispatch({ now: Date.now(), import: data.onImportProgress })),
    );
    return subscription.unsubscribe;
  }, [client, id, exists]);

  // A dead socket raises no error. Polling detects it: a failing request marks the connection as offline.
  useEffect(() => {
    if (!isActive || !isSilent) return;
    let isCurrent = true;
    void (async () => {
      while (isCurrent) {
        const update = await fetchImport(client, id);
        if (isCurrent) dispatch(update);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    })();
    return () => {
      isCurrent = false;
    };
  }, [client, id, isActive, isSilent]);

  return { ...state, reload, setImport: (state) => dispatch({ now: Date.now(), import: state }) };
}

/** Subscribes to the unfinished imports, and returns all imports with their current state. */
export function useLiveImports(imports: readonly ImportStateFragment[]): readonly ImportStateFragment[] {
  const client = useClient();
  const [updates, setUpdates] = useState<ReadonlyMap<string, ImportStateFragment>>(new Map());
  const current = imports.map((item) => updates.get(item.id) ?? item);
  const activeIds = current.filter(isUnderWay).map(({ id }) => id);
  const key = activeIds.join(" ");

  // biome-ignore lint/correctness/useExhaustiveDependencies: a newly read list replaces earlier updates.
  useEffect(() => setUpdates(new Map()), [imports]);

  useEffect(() => {
    const subscriptions = key
      .split(" ")
      .filter(Boolean)
      .map((id) =>
        pipe(
          client.subscription(OnImportProgressDocument, { id }),
          subscribe(({ data }) => {
            const state = data?.onImportProgress;
            if (state) setUpdates((previous) => new Map(previous).set(id, state));
          }),
        ),
      );
    return () => {
      for (const { unsubscribe } of subscriptions) unsubscribe();
    };
  }, [client, key]);

  return current;
}

/** Returns the current time in milliseconds, and re-renders every second while enabled. */
export function useNow(isEnabled: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isEnabled) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isEnabled]);
  return now;
}

async function fetchImport(client: Client, id: string): Promise<ImportUpdate> {
  const { data, error } = await client.query(GetImportDocument, { id }, { requestPolicy: "network-only" }).toPromise();
  return { now: Date.now(), ...(error ? { error } : { import: data?.getImport ?? null }) };
}

function applyUpdate(state: State, { now, import: current, error }: ImportUpdate): State {
  if (current === undefined) return { ...state, error };
  const previous = state.import;
  const hasProgressed =
    current?.status !== previous?.status ||
    current?.bytesRead !== previous?.bytesRead ||
    current?.rowsRead !== previous?.rowsRead;
  let { samples } = state;
  if (current?.status !== "RUNNING") samples = [];
  else if (hasProgressed) {
    // Keep the latest sample even if it is old: after a pause, the speed is measured from it.
    const recent = samples.filter(({ at }, index) => now - at < SPEED_WINDOW_MS || index === samples.length - 1);
    samples = [...recent, { at: now, rows: current.rowsRead, bytes: current.bytesRead }];
  }
  const [first] = samples;
  const last = samples.at(-1);
  const seconds = first && last ? (last.at - first.at) / 1000 : 0;
  return {
    import: current,
    error: undefined,
    receivedAtMs: now,
    progressedAtMs: hasProgressed ? now : state.progressedAtMs,
    samples,
    rowsPerSecond: first && last && seconds > 0 ? (last.rows - first.rows) / seconds : null,
    bytesPerSecond: first && last && seconds > 0 ? (last.bytes - first.bytes) / seconds : null,
  };
}
