/** What the latest subscription told, and when. */

import { useSyncExternalStore } from "react";

export interface Event {
  /** Counts from 1. */
  number: number;
  at: Date;
  result: unknown;
}

export interface Run {
  name: string;
  isLive: boolean;
  /** Latest first; of many, the latest. */
  eventLog: readonly Event[];
}

const MAX_EVENTS = 500;

class EventLog {
  run: Run | null = null;

  private unsubscribe = () => {};
  private listeners = new Set<() => void>();

  start(name: string, unsubscribe: () => void): void {
    this.unsubscribe = unsubscribe;
    this.setRun({ name, isLive: true, eventLog: [] });
  }

  add(answer: unknown): void {
    if (!this.run) return;
    const { eventLog } = this.run;
    const event = { number: (eventLog[0]?.number ?? 0) + 1, at: new Date(), result: answer };
    this.setRun({ ...this.run, eventLog: [event, ...eventLog.slice(0, MAX_EVENTS - 1)] });
  }

  end(): void {
    if (this.run) this.setRun({ ...this.run, isLive: false });
  }

  /** Ends the subscription, where it goes on, and forgets what it told. */
  clear(): void {
    this.unsubscribe();
    this.setRun(null);
  }

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private setRun(run: Run | null): void {
    this.run = run;
    for (const listener of this.listeners) listener();
  }
}

export const events = new EventLog();

export const useSubscriptionRun = () => useSyncExternalStore(events.subscribe, () => events.run);
