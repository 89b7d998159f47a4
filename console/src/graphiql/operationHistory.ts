/**
 * Which operations were run in this browser, kept in its storage with their variables, and without the headers they were
 * sent with: GraphiQL's own history keeps those, and the keys in them.
 */

import type { FetcherParams } from "@graphiql/toolkit";
import { useMemo, useSyncExternalStore } from "react";

export interface Ran {
  at: string;
  name: string;
  query: string;
  /** As JSON; empty where there are none. */
  variables: string;
}

// GraphiQL's settings clear what is kept under "graphiql:".
const PLACE = "graphiql:history";
const KEPT = 50;

class History {
  private listeners = new Set<() => void>();

  /** Puts an operation before all others; the same one is not kept twice. */
  add({ query, operationName, variables }: FetcherParams): void {
    const given = variables && Object.keys(variables).length > 0;
    const ran: Ran = {
      at: new Date().toISOString(),
      name: operationName ?? firstLine(query),
      query,
      variables: given ? JSON.stringify(variables, null, 2) : "",
    };
    this.keep([ran, ...read(this.text()).filter((other) => !isSame(other, ran))].slice(0, KEPT));
  }

  remove(ran: Ran): void {
    this.keep(read(this.text()).filter((other) => !isSame(other, ran)));
  }

  clear(): void {
    this.keep([]);
  }

  text = () => localStorage.getItem(PLACE) ?? "[]";

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    addEventListener("storage", listener); // Other tabs'.
    return () => {
      this.listeners.delete(listener);
      removeEventListener("storage", listener);
    };
  };

  private keep(rans: Ran[]): void {
    localStorage.setItem(PLACE, JSON.stringify(rans));
    for (const listener of this.listeners) listener();
  }
}

export const history = new History();

/** The operations that were run, latest first. */
export function useHistory(): Ran[] {
  const text = useSyncExternalStore(history.subscribe, history.text);
  return useMemo(() => read(text), [text]);
}

const read = (text: string) => JSON.parse(text) as Ran[];

const isSame = (one: Ran, other: Ran) =>
  one.query === other.query && one.variables === other.variables && one.name === other.name;

const firstLine = (query: string) => query.replaceAll(/#.*/g, "").trim().split("\n")[0] ?? "";
