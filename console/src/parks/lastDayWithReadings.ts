/** Finds the last day with readings. The API lists days in ascending order only, so the last is searched for. */

import { useEffect, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { addDays, today } from "../components/format";
import { ListDaysWithReadingsDocument, type ListDaysWithReadingsQuery } from "../schema";

type Page = ListDaysWithReadingsQuery["listEnergyTypeDailyStats"];

// Usually the last day is within 90 days, which fit on one page.
const LOOKBACK_DAYS = [90, 365, 5 * 365, 100 * 365];
const FAR_FUTURE = "2200-01-01";
const DAY_MS = 24 * 3600 * 1000;

interface Found {
  day?: string | null;
  error?: CombinedError;
}

/** Finds the last day with readings of the named parks, or of all parks. Undefined while loading; null if there are no readings. */
export function useLastDayWithReadings(parkNames: readonly string[]): Found & { retry: () => void } {
  const client = useClient();
  const [found, setFound] = useState<Found & { key: string }>();
  const [attempt, setAttempt] = useState(0);
  const key = JSON.stringify(parkNames);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt searches again.
  useEffect(() => {
    let isCurrent = true;
    const names = JSON.parse(key) as string[];
    const read = async (from: string): Promise<Page> => {
      const filter = { from, ...(names.length > 0 ? { parkNames: names } : {}) };
      const request = client.query(ListDaysWithReadingsDocument, { filter }, { requestPolicy: "network-only" });
      const { data, error } = await request.toPromise();
      if (!data) throw error;
      return data.listEnergyTypeDailyStats;
    };
    findLastDay(read).then(
      (day) => isCurrent && setFound({ key, day }),
      (error: CombinedError) => isCurrent && setFound({ key, error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [client, key, attempt]);

  const retry = () => {
    setFound(undefined);
    setAttempt(attempt + 1);
  };
  return { ...(found?.key === key ? found : {}), retry };
}

/** Searches back in growing steps, then by bisection. `read` returns a page of days, starting at `from`. */
async function findLastDay(read: (from: string) => Promise<Page>): Promise<string | null> {
  let page: Page = { items: [], nextToken: null };
  let emptyFrom = FAR_FUTURE;
  for (const days of LOOKBACK_DAYS) {
    const from = addDays(today(), -days);
    page = await read(from);
    if (page.items.length > 0) break;
    emptyFrom = from;
  }
  let last = page.items.at(-1)?.date ?? null;
  while (last !== null && page.nextToken !== null) {
    const between = addDays(last, Math.floor((Date.parse(emptyFrom) - Date.parse(last)) / DAY_MS / 2));
    const next = await read(between);
    if (next.items.length === 0) emptyFrom = between;
    else page = next;
    last = page.items.at(-1)?.date ?? null;
  }
  return last;
}
