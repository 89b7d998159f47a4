/** Lists that come in pages: read a page at a time as it is asked for, or all of them one after another. */

import type { DocumentNode } from "graphql";
import { startTransition, useCallback, useEffect, useRef, useState } from "react";
import { type CombinedError, type TypedDocumentNode, useClient } from "urql";

import { connection } from "../connection";

interface Connection<Item> {
  items: Item[];
  nextToken: string | null;
}

export interface PaginatedList<Item> {
  items: readonly Item[];
  /** Whether the first page is still on its way: nothing is known yet. */
  isLoadingFirstPage: boolean;
  isLoading: boolean;
  /** Whether there is a page behind those that were read. */
  hasMore: boolean;
  error: CombinedError | undefined;
  loadMore: () => void;
  reload: () => void;
}

const NONE: readonly never[] = [];

/**
 * Reads a list: `of` finds it in an answer, and returns nothing where it is not there. Its variables take a `nextToken`.
 * With `all`, one page follows the other by itself. What was read is shown until what takes its place has come.
 */
export function usePaginatedList<Data, Variables extends { nextToken?: string | null | undefined }, Item>(
  document: TypedDocumentNode<Data, Variables> & DocumentNode,
  variables: Omit<Variables, "nextToken">,
  selectConnection: (data: Data) => Connection<Item> | null | undefined,
  { loadAll = false, pause = false } = {},
): PaginatedList<Item> {
  const client = useClient();
  const [read, setRead] = useState<{ key: string; items: readonly Item[] }>({ key: "", items: NONE });
  const [nextToken, setNextToken] = useState<string | null>(null);
  const [error, setError] = useState<CombinedError>();
  const [isLoading, setIsLoading] = useState(!pause);
  const [isFirst, setIsFirst] = useState(true);
  const loadedItems = useRef<readonly Item[]>(NONE);
  // Answers to what was asked before it was asked otherwise are thrown away.
  const requestNumber = useRef(0);
  const find = useRef(selectConnection);
  find.current = selectConnection;
  const key = JSON.stringify(variables);
  // What was asked otherwise answers nothing now: it is not shown, not even until this is asked.
  const isOutdated = read.key !== key;

  const readFrom = useCallback(
    async (from: string | null) => {
      const thisRequest = ++requestNumber.current;
      const isReload = from === null && loadedItems.current.length > 0;
      let found = from === null ? NONE : loadedItems.current;
      let token = from;
      let renderedCount = 0;
      setIsLoading(true);
      do {
        const pageVariables = { ...JSON.parse(key), nextToken: token } as Variables;
        const { data, error } = await client
          .query(document, pageVariables, { requestPolicy: "network-only" })
          .toPromise();
        if (thisRequest !== requestNumber.current) return;
        const page = data && find.current(data);
        found = [...found, ...(page?.items ?? NONE)];
        token = page?.nextToken ?? null;
        const isComplete = !loadAll || token === null;
        // To draw a list takes as long as it is: drawn when it has doubled, a long one is drawn a few times only.
        if (!isComplete && (isReload || found.length < 2 * renderedCount)) continue;
        renderedCount = found.length;
        const shown = isReload && error ? loadedItems.current : found;
        loadedItems.current = shown;
        // What people do meanwhile comes first.
        startTransition(() => {
          setError(error);
          setNextToken(token);
          setRead({ key, items: shown });
          setIsFirst(false);
          setIsLoading(!isComplete);
        });
      } while (loadAll && token !== null);
    },
    [client, document, key, loadAll],
  );

  useEffect(() => {
    loadedItems.current = NONE;
    setRead({ key, items: NONE });
    setNextToken(null);
    setError(undefined);
    setIsFirst(true);
    if (pause) return;
    void readFrom(null);
    return connection.onRefreshNeeded(() => void readFrom(null));
  }, [readFrom, key, pause]);

  return {
    items: isOutdated ? NONE : read.items,
    isLoadingFirstPage: isOutdated || isFirst,
    isLoading: isLoading || (isOutdated && !pause),
    hasMore: !isOutdated && nextToken !== null,
    error: isOutdated ? undefined : error,
    loadMore: () => void (nextToken !== null && !isLoading && readFrom(nextToken)),
    reload: () => void readFrom(null),
  };
}
