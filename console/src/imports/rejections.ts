/** The rows an import left out, read one page after another while it brings them. */

import { useCallback, useEffect, useRef, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { connection } from "../connection";
import { ListRejectionsDocument } from "../schema";
import { addToCauses, type Cause, causeKey, type Rejection } from "./rejectionCauses";

export type RejectedRow = Rejection & { cause: string };

/** More are read when they are asked for: nobody looks through them all, and each takes memory. */
export const MAX_ROWS = 100_000;

export interface Rejections {
  rows: readonly RejectedRow[];
  /** What was wrong with the rows that were read, most frequent first. */
  causes: readonly Cause[];
  isReading: boolean;
  error: CombinedError | undefined;
  retry: () => void;
  /** Reads further ones, where so many were read that it stopped. */
  loadMore: (() => void) | undefined;
}

// What is shown grows by this part at least, so that all that is drawn on the way stays in proportion to its end.
const REDRAW_GROWTH = 1.25;

/** Reads an import's rejections, `rejected` of which are there by now. */
export function useRejections(id: string, rejected: number): Rejections {
  const client = useClient();
  const [shown, setShown] = useState<{ rows: readonly RejectedRow[]; causes: readonly Cause[] }>({
    rows: [],
    causes: [],
  });
  const [error, setError] = useState<CombinedError>();
  const [isReading, setIsReading] = useState(false);
  const [limit, setLimit] = useState(MAX_ROWS);
  // The cursor by which the last page was read: there is none behind it until more are there.
  const read = useRef({ rows: [] as RejectedRow[], causes: new Map<string, Cause>(), token: null as string | null });
  const targetCount = useRef(0);
  targetCount.current = Math.min(rejected, limit);
  const isRunning = useRef(false);
  const isMounted = useRef(true);

  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);

  const readPages = useCallback(async () => {
    if (isRunning.current) return;
    isRunning.current = true;
    const { rows, causes } = read.current;
    let shownCount = rows.length;
    const show = () => {
      shownCount = rows.length;
      setShown({ rows: [...rows], causes: [...causes.values()].sort((a, b) => b.count - a.count) });
    };
    setIsReading(rows.length < targetCount.current);
    setError(undefined);
    while (isMounted.current && rows.length < targetCount.current) {
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
        addToCauses(causes, each);
      }
      if (page.nextToken) read.current.token = page.nextToken;
      if (rows.length >= shownCount * REDRAW_GROWTH) show();
      if (!page.nextToken && fresh.length === 0) break;
    }
    if (rows.length > shownCount) show();
    setIsReading(false);
    isRunning.current = false;
  }, [client, id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: there are more to read.
  useEffect(() => {
    void readPages();
  }, [readPages, rejected, limit]);
  useEffect(() => connection.onRefreshNeeded(() => void readPages()), [readPages]);

  return {
    ...shown,
    isReading,
    error,
    retry: () => void readPages(),
    loadMore: shown.rows.length >= limit && rejected > limit ? () => setLimit(limit + MAX_ROWS) : undefined,
  };
}
