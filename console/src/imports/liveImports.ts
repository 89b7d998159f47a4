/** What becomes of imports, as it is told: one with all there is to know of its speed, or those of a list. */

import { useEffect, useReducer, useState } from "react";
import { type Client, type CombinedError, useClient } from "urql";
import { pipe, subscribe } from "wonka";

import { connection } from "../connection";
import { GetImportDocument, type ImportStateFragment, OnImportProgressDocument } from "../schema";
import { isUnderWay } from "./importStatus";

// The server tells once a second how an import that is under way is doing, changed or not.
const SILENT_AFTER_MS = 2000;
const SPEED_OVER_MS = 15_000;

export interface Followed {
  /** Undefined until it is known, null where there is no such import. */
  import: ImportStateFragment | null | undefined;
  error: CombinedError | undefined;
  /** When it last came any further, by this machine's clock. */
  gotOnAt: number;
  /** When the server last told anything of it. */
  heardAt: number;
  /** How fast it is of late; null until that can be told. */
  rowsPerSecond: number | null;
  bytesPerSecond: number | null;
}

interface Mark {
  at: number;
  rows: number;
  bytes: number;
}

type State = Followed & { marks: readonly Mark[] };

const UNKNOWN: State = {
  import: undefined,
  error: undefined,
  gotOnAt: 0,
  heardAt: 0,
  rowsPerSecond: null,
  bytesPerSecond: null,
  marks: [],
};

type Heard = { now: number; import?: ImportStateFragment | null; error?: CombinedError | undefined };

/** Follows an import, by the subscription and, where that falls silent, by asking. */
export function useImport(id: string): Followed & { reload: () => void; take: (told: ImportStateFragment) => void } {
  const client = useClient();
  const [state, hear] = useReducer(heard, UNKNOWN);
  const [turn, again] = useReducer((turns: number) => turns + 1, 0);
  const isThere = state.import != null;
  const isFollowed = isThere && isUnderWay(state.import as ImportStateFragment);
  const isSilent = useNow(isFollowed) - state.heardAt > SILENT_AFTER_MS;

  // biome-ignore lint/correctness/useExhaustiveDependencies: each turn asks again.
  useEffect(() => {
    let isOn = true;
    const ask = async () => {
      const answer = await read(client, id);
      if (isOn) hear(answer);
    };
    void ask();
    const stop = connection.onReturn(() => void ask());
    return () => {
      isOn = false;
      stop();
    };
  }, [client, id, turn]);

  useEffect(() => {
    if (!isThere) return;
    const told = pipe(
      client.subscription(OnImportProgressDocument, { id }),
      subscribe(({ data }) => data?.onImportProgress && hear({ now: Date.now(), import: data.onImportProgress })),
    );
    return told.unsubscribe;
  }, [client, id, isThere]);

  // A socket that is dead to the network says nothing of it; asking finds out, and makes the connection known to be away.
  useEffect(() => {
    if (!isFollowed || !isSilent) return;
    let isOn = true;
    void (async () => {
      while (isOn) {
        const answer = await read(client, id);
        if (isOn) hear(answer);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    })();
    return () => {
      isOn = false;
    };
  }, [client, id, isFollowed, isSilent]);

  return { ...state, reload: again, take: (told) => hear({ now: Date.now(), import: told }) };
}

/** Returns the imports as they are by now: those under way are followed. */
export function useLive(imports: readonly ImportStateFragment[]): readonly ImportStateFragment[] {
  const client = useClient();
  const [told, setTold] = useState<ReadonlyMap<string, ImportStateFragment>>(new Map());
  const now = imports.map((each) => told.get(each.id) ?? each);
  const followed = now.filter(isUnderWay).map(({ id }) => id);
  const key = followed.join(" ");

  // What was read anew is newer than what was told before.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above.
  useEffect(() => setTold(new Map()), [imports]);

  useEffect(() => {
    const each = key.split(" ").filter(Boolean);
    const told = each.map((id) =>
      pipe(
        client.subscription(OnImportProgressDocument, { id }),
        subscribe(({ data }) => {
          const state = data?.onImportProgress;
          if (state) setTold((before) => new Map(before).set(id, state));
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
export function useNow(isWanted: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isWanted) return;
    setNow(Date.now());
    const tick = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(tick);
  }, [isWanted]);
  return now;
}

async function read(client: Client, id: string): Promise<Heard> {
  const { data, error } = await client.query(GetImportDocument, { id }, { requestPolicy: "network-only" }).toPromise();
  return { now: Date.now(), ...(error ? { error } : { import: data?.getImport ?? null }) };
}

function heard(state: State, { now, import: told, error }: Heard): State {
  if (told === undefined) return { ...state, error };
  const before = state.import;
  const hasGotOn =
    told?.status !== before?.status || told?.bytesRead !== before?.bytesRead || told?.rowsRead !== before?.rowsRead;
  let { marks } = state;
  if (told?.status !== "RUNNING") marks = [];
  else if (hasGotOn) {
    // The last one before it stood still for long tells how long that was.
    const recent = marks.filter(({ at }, place) => now - at < SPEED_OVER_MS || place === marks.length - 1);
    marks = [...recent, { at: now, rows: told.rowsRead, bytes: told.bytesRead }];
  }
  const [first] = marks;
  const last = marks.at(-1);
  const seconds = first && last ? (last.at - first.at) / 1000 : 0;
  return {
    import: told,
    error: undefined,
    heardAt: now,
    gotOnAt: hasGotOn ? now : state.gotOnAt,
    marks,
    rowsPerSecond: first && last && seconds > 0 ? (last.rows - first.rows) / seconds : null,
    bytesPerSecond: first && last && seconds > 0 ? (last.bytes - first.bytes) / seconds : null,
  };
}
