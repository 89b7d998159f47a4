/** What the latest subscription told, and when. */

import { useSyncExternalStore } from "react";

export interface Event {
  /** Counts from 1. */
  number: number;
  at: Date;
  answer: unknown;
}

export interface Run {
  name: string;
  isLive: boolean;
  /** Latest first; of many, the latest. */
  events: readonly Event[];
}

const KEPT = 500;

class Events {
  run: Run | null = null;

  private unsubscribe = () => {};
  private listeners = new Set<() => void>();

  begin(name: string, unsubscribe: () => void): void {
    this.unsubscribe = unsubscribe;
    this.change({ name, isLive: true, events: [] });
  }

  add(answer: unknown): void {
    if (!this.run) return;
    const { events } = this.run;
    const event = { number: (events[0]?.number ?? 0) + 1, at: new Date(), answer };
    this.change({ ...this.run, events: [event, ...events.slice(0, KEPT - 1)] });
  }

  end(): void {
    if (this.run) this.change({ ...this.run, isLive: false });
  }

  /** Ends the subscription, where it goes on, and forgets what it told. */
  forget(): void {
    this.unsubscribe();
    this.change(null);
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private change(run: Run | null): void {
    this.run = run;
    for (const listener of this.listeners) listener();
  }
}

export const events = new Events();

export const useRun = () => useSyncExternalStore(events.subscribe, () => events.run);
