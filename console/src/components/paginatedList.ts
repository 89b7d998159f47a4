/** Lists that come in pages: read a page at a time as it is asked for, or all of them one after another. */

import type { DocumentNode } from "graphql";
import { startTransition, useCallback, useEffect, useRef, useState } from "react";
import { type CombinedError, type TypedDocumentNode, useClient } from "urql";

import { connection } from "../connection";

interface Connection<Item> {
  items: Item[];
  nextToken: string | null;
}

export interface Pages<Item> {
  items: readonly Item[];
  /** Whether the first page is still on its way: nothing is known yet. */
  isFirst: boolean;
  isLoading: boolean;
  /** Whether there is a page behind those that were read. */
  hasMore: boolean;
  error: CombinedError | undefined;
  more: () => void;
  reload: () => void;
}

const NONE: readonly never[] = [];

/**
 * Reads a list: `of` finds it in an answer, and returns nothing where it is not there. Its variables take a `nextToken`.
 * With `all`, one page follows the other by itself. What was read is shown until what takes its place has come.
 */
export function usePages<Data, Variables extends { nextToken?: string | null | undefined }, Item>(
  document: TypedDocumentNode<Data, Variables> & DocumentNode,
  variables: Omit<Variables, "nextToken">,
  of: (data: Data) => Connection<Item> | null | undefined,
  { all = false, pause = false } = {},
): Pages<Item> {
  const client = useClient();
  const [read, setRead] = useState<{ key: string; items: readonly Item[] }>({ key: "", items: NONE });
  const [nextToken, setNextToken] = useState<string | null>(null);
  const [error, setError] = useState<CombinedError>();
  const [isLoading, setIsLoading] = useState(!pause);
  const [isFirst, setIsFirst] = useState(true);
  const kept = useRef<readonly Item[]>(NONE);
  // Answers to what was asked before it was asked otherwise are thrown away.
  const turn = useRef(0);
  const find = useRef(of);
  find.current = of;
  const key = JSON.stringify(variables);
  // What was asked otherwise answers nothing now: it is not shown, not even until this is asked.
  const isOther = read.key !== key;

  const readFrom = useCallback(
    async (from: string | null) => {
      const mine = ++turn.current;
      const isAgain = from === null && kept.current.length > 0;
      let found = from === null ? NONE : kept.current;
      let token = from;
      let drawn = 0;
      setIsLoading(true);
      do {
        const asked = { ...JSON.parse(key), nextToken: token } as Variables;
        const { data, error } = await client.query(document, asked, { requestPolicy: "network-only" }).toPromise();
        if (mine !== turn.current) return;
        const page = data && find.current(data);
        found = [...found, ...(page?.items ?? NONE)];
        token = page?.nextToken ?? null;
        const isWhole = !all || token === null;
        // To draw a list takes as long as it is: drawn when it has doubled, a long one is drawn a few times only.
        if (!isWhole && (isAgain || found.length < 2 * drawn)) continue;
        drawn = found.length;
        const shown = isAgain && error ? kept.current : found;
        kept.current = shown;
        // What people do meanwhile comes first.
        startTransition(() => {
          setError(error);
          setNextToken(token);
          setRead({ key, items: shown });
          setIsFirst(false);
          setIsLoading(!isWhole);
        });
      } while (all && token !== null);
    },
    [client, document, key, all],
  );

  useEffect(() => {
    kept.current = NONE;
    setRead({ key, items: NONE });
    setNextToken(null);
    setError(undefined);
    setIsFirst(true);
    if (pause) return;
    void readFrom(null);
    return connection.onReturn(() => void readFrom(null));
  }, [readFrom, key, pause]);

  return {
    items: isOther ? NONE : read.items,
    isFirst: isOther || isFirst,
    isLoading: isLoading || (isOther && !pause),
    hasMore: !isOther && nextToken !== null,
    error: isOther ? undefined : error,
    more: () => void (nextToken !== null && !isLoading && readFrom(nextToken)),
    reload: () => void readFrom(null),
  };
}
