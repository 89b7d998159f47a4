/** Whether the server answers: noticed by requests, and looked after until it does again. */

import { useSyncExternalStore } from "react";

const LOOK_EVERY_MS = 2000;
// A page that was not looked at for so long, on a sleeping machine for one, is read anew.
const STALE_AFTER_MS = 30_000;

class Connection {
  away = false;

  private listeners = new Set<() => void>();
  private returns = new Set<() => void>();
  private hiddenAt = 0;

  constructor() {
    addEventListener("offline", () => this.isAway());
    addEventListener("online", () => void this.look());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.hiddenAt = Date.now();
      else if (Date.now() - this.hiddenAt > STALE_AFTER_MS) this.tellReturn();
    });
  }

  isAway(): void {
    if (this.away) return;
    this.away = true;
    this.tell();
    setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  isThere(): void {
    if (!this.away) return;
    this.away = false;
    this.tell();
    this.tellReturn();
  }

  /** Calls back when what is shown may have grown old unseen; returns how to stop. */
  onReturn(call: () => void): () => void {
    this.returns.add(call);
    return () => this.returns.delete(call);
  }

  /** Waits until the server answers again. */
  back(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.onReturn(() => {
        stop();
        resolve();
      });
    });
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private async look(): Promise<void> {
    if (!this.away) return;
    try {
      await fetch("/livez", { cache: "no-store" });
      this.isThere();
    } catch {
      setTimeout(() => void this.look(), LOOK_EVERY_MS);
    }
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private tellReturn(): void {
    for (const call of this.returns) call();
  }
}

export const connection = new Connection();

export const useIsAway = () => useSyncExternalStore(connection.subscribe, () => connection.away);
