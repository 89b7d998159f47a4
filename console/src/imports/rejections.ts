/** Reads an import's rejected rows page by page, also while the import is running. */

import { useCallback, useEffect, useRef, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { connection } from "../connection";
import { ListRejectionsDocument } from "../schema";
import { addToCauses, type Cause, causeKey, type Rejection } from "./rejectionCauses";

export type RejectedRow = Rejection & { cause: string };

/** The number of rows to read before the user must load more: each row takes memory. */
export const MAX_ROWS = 100_000;

export interface Rejections {
  rows: readonly RejectedRow[];
  /** The causes of the rows read so far, most frequent first. */
  causes: readonly Cause[];
  isReading: boolean;
  error: CombinedError | undefined;
  retry: () => void;
  /** Continues after the limit was reached; undefined otherwise. */
  loadMore: (() => void) | undefined;
}

// Render only after growing by this factor, so that the total rendering work stays linear in the number of rows.
const REDRAW_GROWTH = 1.25;

/** Reads an import's rejections; `rejected` is their current number. */
export function useRejections(id: string, rejected: number): Rejections {
  const client = useClient();
  const [shown, setShown] = useState<{ rows: readonly RejectedRow[]; causes: readonly Cause[] }>({
    rows: [],
    causes: [],
  });
  const [error, setError] = useState<CombinedError>();
  const [isReading, setIsReading] = useState(false);
  const [limit, setLimit] = useState(MAX_ROWS);
  // `token` is the cursor of the last page read. That page is read again once more rows have been rejected.
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
      for (const rejection of fresh) {
        rows.push({ ...rejection, cause: causeKey(rejection) });
        addToCauses(causes, rejection);
      }
      if (page.nextToken) read.current.token = page.nextToken;
      if (rows.length >= shownCount * REDRAW_GROWTH) show();
      if (!page.nextToken && fresh.length === 0) break;
    }
    if (rows.length > shownCount) show();
    setIsReading(false);
    isRunning.current = false;
  }, [client, id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: more rejections, or a higher limit, mean more to read.
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
