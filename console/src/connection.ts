/** Tracks whether the server can be reached: requests report it, and while it is away `/livez` is polled. */

import { useSyncExternalStore } from "react";

const PROBE_INTERVAL_MS = 2000;
// A page that was in the background for this time (a hidden tab, a sleeping machine) reads its data again.
const STALE_AFTER_MS = 30_000;

class Connection {
  isOffline = false;

  private listeners = new Set<() => void>();
  private refreshListeners = new Set<() => void>();
  private hiddenAt = 0;

  constructor() {
    addEventListener("offline", () => this.markOffline());
    addEventListener("online", () => void this.probe());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.hiddenAt = Date.now();
      else if (Date.now() - this.hiddenAt > STALE_AFTER_MS) this.notifyRefresh();
    });
  }

  markOffline(): void {
    if (this.isOffline) return;
    this.isOffline = true;
    this.notifyListeners();
    setTimeout(() => void this.probe(), PROBE_INTERVAL_MS);
  }

  markOnline(): void {
    if (!this.isOffline) return;
    this.isOffline = false;
    this.notifyListeners();
    this.notifyRefresh();
  }

  /** Calls back when shown data may be stale: after reconnecting, or a long time hidden. Returns an unsubscriber. */
  onRefreshNeeded(call: () => void): () => void {
    this.refreshListeners.add(call);
    return () => this.refreshListeners.delete(call);
  }

  /** Resolves when the server answers again. */
  untilOnline(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onRefreshNeeded(() => {
        stop();
        resolve();
      });
    });
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private async probe(): Promise<void> {
    if (!this.isOffline) return;
    try {
      await fetch("/livez", { cache: "no-store" });
      this.markOnline();
    } catch {
      setTimeout(() => void this.probe(), PROBE_INTERVAL_MS);
    }
  }

  private notifyListeners(): void {
    for (const listener of this.listeners) listener();
  }

  private notifyRefresh(): void {
    for (const call of this.refreshListeners) call();
  }
}

export const connection = new Connection();

export const useIsOffline = () => useSyncExternalStore(connection.subscribe, () => connection.isOffline);
