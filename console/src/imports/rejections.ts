/** The rows an import left out, read one page after another while it brings them. */

import { useCallback, useEffect, useRef, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { connection } from "../connection";
import { ListRejectionsDocument } from "../schema";
import { type Cause, causeKey, countIn, type Rejection } from "./rejectionCauses";

export type RejectedRow = Rejection & { cause: string };

/** More are read when they are asked for: nobody looks through them all, and each takes memory. */
export const READ_AT_MOST = 100_000;

export interface Rejections {
  rows: readonly RejectedRow[];
  /** What was wrong with the rows that were read, most frequent first. */
  causes: readonly Cause[];
  isReading: boolean;
  error: CombinedError | undefined;
  retry: () => void;
  /** Reads further ones, where so many were read that it stopped. */
  more: (() => void) | undefined;
}

// What is shown grows by this part at least, so that all that is drawn on the way stays in proportion to its end.
const GROWS_BY = 1.25;

/** Reads an import's rejections, `rejected` of which are there by now. */
export function useRejections(id: string, rejected: number): Rejections {
  const client = useClient();
  const [shown, setShown] = useState<{ rows: readonly RejectedRow[]; causes: readonly Cause[] }>({
    rows: [],
    causes: [],
  });
  const [error, setError] = useState<CombinedError>();
  const [isReading, setIsReading] = useState(false);
  const [atMost, setAtMost] = useState(READ_AT_MOST);
  // The cursor by which the last page was read: there is none behind it until more are there.
  const read = useRef({ rows: [] as RejectedRow[], causes: new Map<string, Cause>(), token: null as string | null });
  const wanted = useRef(0);
  wanted.current = Math.min(rejected, atMost);
  const isAtIt = useRef(false);
  const isOn = useRef(true);

  useEffect(() => {
    isOn.current = true;
    return () => {
      isOn.current = false;
    };
  }, []);

  const readOn = useCallback(async () => {
    if (isAtIt.current) return;
    isAtIt.current = true;
    const { rows, causes } = read.current;
    let isShown = rows.length;
    const show = () => {
      isShown = rows.length;
      setShown({ rows: [...rows], causes: [...causes.values()].sort((a, b) => b.count - a.count) });
    };
    setIsReading(rows.length < wanted.current);
    setError(undefined);
    while (isOn.current && rows.length < wanted.current) {
      const { data, error } = await client
        .query(ListRejectionsDocument, { id, nextToken: read.current.token }, { requestPolicy: "network-only" })
        .toPromise();
      const page = data?.getImport?.rejections;
      if (error || !page) {
        setError(error);
        break;
      }
      const last = rows.at(-1)?.lineNumber ?? 0;
      const fresh = page.items.filter(({ lineNumber }) => lineNumber > last);
      for (const each of fresh) {
        rows.push({ ...each, cause: causeKey(each) });
        countIn(causes, each);
      }
      if (page.nextToken) read.current.token = page.nextToken;
      if (rows.length >= isShown * GROWS_BY) show();
      if (!page.nextToken && fresh.length === 0) break;
    }
    if (rows.length > isShown) show();
    setIsReading(false);
    isAtIt.current = false;
  }, [client, id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: there are more to read.
  useEffect(() => {
    void readOn();
  }, [readOn, rejected, atMost]);
  useEffect(() => connection.onReturn(() => void readOn()), [readOn]);

  return {
    ...shown,
    isReading,
    error,
    retry: () => void readOn(),
    more: shown.rows.length >= atMost && rejected > atMost ? () => setAtMost(atMost + READ_AT_MOST) : undefined,
  };
}
