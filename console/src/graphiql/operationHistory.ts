/**
 * The operations run in this browser, stored in localStorage with their variables but without headers. GraphiQL's own
 * history stores the headers, and the keys in them.
 */

import type { FetcherParams } from "@graphiql/toolkit";
import { useMemo, useSyncExternalStore } from "react";

export interface HistoryEntry {
  at: string;
  name: string;
  query: string;
  /** The variables as JSON; empty if there are none. */
  variables: string;
}

// GraphiQL's "Clear storage" removes every key with the prefix "graphiql:".
const STORAGE_KEY = "graphiql:history";
const MAX_ENTRIES = 50;

class History {
  private listeners = new Set<() => void>();

  /** Adds an operation at the front, and removes earlier runs of the same one. */
  add({ query, operationName, variables }: FetcherParams): void {
    const hasVariables = variables && Object.keys(variables).length > 0;
    const entry: HistoryEntry = {
      at: new Date().toISOString(),
      name: operationName ?? firstLine(query),
      query,
      variables: hasVariables ? JSON.stringify(variables, null, 2) : "",
    };
    this.store([entry, ...parseEntries(this.text()).filter((other) => !isSame(other, entry))].slice(0, MAX_ENTRIES));
  }

  remove(entry: HistoryEntry): void {
    this.store(parseEntries(this.text()).filter((other) => !isSame(other, entry)));
  }

  clear(): void {
    this.store([]);
  }

  text = () => localStorage.getItem(STORAGE_KEY) ?? "[]";

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    addEventListener("storage", listener); // Changes made by other tabs.
    return () => {
      this.listeners.delete(listener);
      removeEventListener("storage", listener);
    };
  };

  private store(entries: HistoryEntry[]): void {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(entries));
    for (const listener of this.listeners) listener();
  }
}

export const history = new History();

/** Returns the operations run before, latest first. */
export function useOperationHistory(): HistoryEntry[] {
  const text = useSyncExternalStore(history.subscribe, history.text);
  return useMemo(() => parseEntries(text), [text]);
}

const parseEntries = (text: string) => JSON.parse(text) as HistoryEntry[];

const isSame = (one: HistoryEntry, other: HistoryEntry) =>
  one.query === other.query && one.variables === other.variables && one.name === other.name;

const firstLine = (query: string) => query.replaceAll(/#.*/g, "").trim().split("\n")[0] ?? "";
