/** The events of the latest subscription, with their times. */

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
  /** Latest first, limited to the latest MAX_EVENTS. */
  events: readonly Event[];
}

const MAX_EVENTS = 500;

class EventLog {
  run: Run | null = null;

  private unsubscribe = () => {};
  private listeners = new Set<() => void>();

  start(name: string, unsubscribe: () => void): void {
    this.unsubscribe = unsubscribe;
    this.setRun({ name, isLive: true, events: [] });
  }

  add(result: unknown): void {
    if (!this.run) return;
    const { events } = this.run;
    const event = { number: (events[0]?.number ?? 0) + 1, at: new Date(), result };
    this.setRun({ ...this.run, events: [event, ...events.slice(0, MAX_EVENTS - 1)] });
  }

  end(): void {
    if (this.run) this.setRun({ ...this.run, isLive: false });
  }

  /** Unsubscribes if the subscription is still active, and removes its events. */
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

export const eventLog = new EventLog();

export const useSubscriptionRun = () => useSyncExternalStore(eventLog.subscribe, () => eventLog.run);
