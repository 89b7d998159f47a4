/** Paginated lists (`nextToken`): one page at a time on request, or all pages one after another. */

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
  /** Whether the first page is still loading, so nothing can be shown yet. */
  isLoadingFirstPage: boolean;
  isLoading: boolean;
  /** Whether a further page exists. */
  hasMore: boolean;
  error: CombinedError | undefined;
  loadMore: () => void;
  reload: () => void;
}

const NONE: readonly never[] = [];

/**
 * Reads a paginated list. `selectConnection` returns the connection of a response, or undefined. With `loadAll`, every
 * page is loaded in turn. During a reload the old items are shown until the new ones arrive.
 */
export function usePaginatedList<Data, Variables extends { nextToken?: string | null | undefined }, Item>(
  document: TypedDocumentNode<Data, Variables> & DocumentNode,
  variables: Omit<Variables, "nextToken">,
  selectConnection: (data: Data) => Connection<Item> | null | undefined,
  { loadAll = false, pause = false } = {},
): PaginatedList<Item> {
  const client = useClient();
  const [result, setResult] = useState<{ key: string; items: readonly Item[] }>({ key: "", items: NONE });
  const [nextToken, setNextToken] = useState<string | null>(null);
  const [error, setError] = useState<CombinedError>();
  const [isLoading, setIsLoading] = useState(!pause);
  const [isFirstLoad, setIsFirstLoad] = useState(true);
  const loadedItems = useRef<readonly Item[]>(NONE);
  // Responses to an earlier request, with other variables, are discarded by this number.
  const requestNumber = useRef(0);
  const selectRef = useRef(selectConnection);
  selectRef.current = selectConnection;
  const key = JSON.stringify(variables);
  // Items read for other variables are never shown, not even for the render before the effect below runs.
  const isOutdated = result.key !== key;

  const readFrom = useCallback(
    async (from: string | null) => {
      const thisRequest = ++requestNumber.current;
      const isReload = from === null && loadedItems.current.length > 0;
      let items = from === null ? NONE : loadedItems.current;
      let token = from;
      let renderedCount = 0;
      setIsLoading(true);
      do {
        const pageVariables = { ...JSON.parse(key), nextToken: token } as Variables;
        const { data, error } = await client
          .query(document, pageVariables, { requestPolicy: "network-only" })
          .toPromise();
        if (thisRequest !== requestNumber.current) return;
        const page = data && selectRef.current(data);
        items = [...items, ...(page?.items ?? NONE)];
        token = page?.nextToken ?? null;
        const isLastRender = !loadAll || token === null;
        // Render only when the list has doubled: rendering each page would take quadratic time in total.
        if (!isLastRender && (isReload || items.length < 2 * renderedCount)) continue;
        renderedCount = items.length;
        const itemsToShow = isReload && error ? loadedItems.current : items;
        loadedItems.current = itemsToShow;
        // User input takes priority over rendering the new items.
        startTransition(() => {
          setError(error);
          setNextToken(token);
          setResult({ key, items: itemsToShow });
          setIsFirstLoad(false);
          setIsLoading(!isLastRender);
        });
      } while (loadAll && token !== null);
    },
    [client, document, key, loadAll],
  );

  useEffect(() => {
    loadedItems.current = NONE;
    setResult({ key, items: NONE });
    setNextToken(null);
    setError(undefined);
    setIsFirstLoad(true);
    if (pause) return;
    void readFrom(null);
    return connection.onRefreshNeeded(() => void readFrom(null));
  }, [readFrom, key, pause]);

  return {
    items: isOutdated ? NONE : result.items,
    isLoadingFirstPage: isOutdated || isFirstLoad,
    isLoading: isLoading || (isOutdated && !pause),
    hasMore: !isOutdated && nextToken !== null,
    error: isOutdated ? undefined : error,
    loadMore: () => void (nextToken !== null && !isLoading && readFrom(nextToken)),
    reload: () => void readFrom(null),
  };
}
