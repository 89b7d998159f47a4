/** What becomes of imports, as it is told: one with all there is to know of its speed, or those of a list. */

import { useEffect, useReducer, useState } from "react";
import { type Client, type CombinedError, useClient } from "urql";
import { pipe, subscribe } from "wonka";

import { connection } from "../connection";
import { GetImportDocument, type ImportStateFragment, OnImportProgressDocument } from "../schema";
import { isUnderWay } from "./importStatus";

// The server tells once a second how an import that is under way is doing, changed or not.
const STREAM_TIMEOUT_MS = 2000;
const SPEED_WINDOW_MS = 15_000;

export interface LiveImport {
  /** Undefined until it is known, null where there is no such import. */
  import: ImportStateFragment | null | undefined;
  error: CombinedError | undefined;
  /** When it last came any further, by this machine's clock. */
  progressedAtMs: number;
  /** When the server last told anything of it. */
  receivedAtMs: number;
  /** How fast it is of late; null until that can be told. */
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

/** Follows an import, by the subscription and, where that falls silent, by asking. */
export function useImport(
  id: string,
): LiveImport & { reload: () => void; setImport: (state: ImportStateFragment) => void } {
  const client = useClient();
  const [state, dispatch] = useReducer(applyUpdate, UNKNOWN);
  const [reloadCount, reload] = useReducer((turns: number) => turns + 1, 0);
  const exists = state.import != null;
  const isActive = exists && isUnderWay(state.import as ImportStateFragment);
  const isSilent = useNow(isActive) - state.receivedAtMs > STREAM_TIMEOUT_MS;

  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn asks again.
  useEffect(() => {
    let isCurrent = true;
    const refetch = async () => {
      const answer = await fetchImport(client, id);
      if (isCurrent) dispatch(answer);
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
    const told = pipe(
      client.subscription(OnImportProgressDocument, { id }),
      subscribe(({ data }) => data?.onImportProgress && dispatch({ now: Date.now(), import: data.onImportProgress })),
    );
    return told.unsubscribe;
  }, [client, id, exists]);

  // A socket that is dead to the network says nothing of it; asking finds out, and makes the connection known to be away.
  useEffect(() => {
    if (!isActive || !isSilent) return;
    let isCurrent = true;
    void (async () => {
      while (isCurrent) {
        const answer = await fetchImport(client, id);
        if (isCurrent) dispatch(answer);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    })();
    return () => {
      isCurrent = false;
    };
  }, [client, id, isActive, isSilent]);

  return { ...state, reload, setImport: (state) => dispatch({ now: Date.now(), import: state }) };
}

/** Returns the imports as they are by now: those under way are followed. */
export function useLiveImports(imports: readonly ImportStateFragment[]): readonly ImportStateFragment[] {
  const client = useClient();
  const [told, setUpdates] = useState<ReadonlyMap<string, ImportStateFragment>>(new Map());
  const now = imports.map((each) => told.get(each.id) ?? each);
  const followed = now.filter(isUnderWay).map(({ id }) => id);
  const key = followed.join(" ");

  // What was read anew is newer than what was told before.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above.
  useEffect(() => setUpdates(new Map()), [imports]);

  useEffect(() => {
    const each = key.split(" ").filter(Boolean);
    const told = each.map((id) =>
      pipe(
        client.subscription(OnImportProgressDocument, { id }),
        subscribe(({ data }) => {
          const state = data?.onImportProgress;
          if (state) setUpdates((before) => new Map(before).set(id, state));
        }),
      ),
    );
    return () => {
      for (const { unsubscribe } of told) unsubscribe();
    };
  }, [client, key]);

  return now;
}

/** Returns the time in milliseconds, and again every second while it is wanted. */
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
    // The last one before it stood still for long tells how long that was.
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
