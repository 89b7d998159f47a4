/** Which day is the last that has readings: the API lists days from the first on, so it is looked for. */

import { useEffect, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { addDays, today } from "../components/format";
import { ListDaysWithReadingsDocument, type ListDaysWithReadingsQuery } from "../schema";

type Page = ListDaysWithReadingsQuery["listEnergyTypeDailyStats"];

// Most often it is among the last ninety days, of which one page holds all.
const LOOKBACK_DAYS = [90, 365, 5 * 365, 100 * 365];
const FAR_FUTURE = "2200-01-01";
const DAY_MS = 24 * 3600 * 1000;

interface Found {
  day?: string | null;
  error?: CombinedError;
}

/** Finds the last day: of the parks named, or of all. Undefined until it is known; null where there are no readings. */
export function useLastDayWithReadings(parkNames: readonly string[]): Found & { retry: () => void } {
  const client = useClient();
  const [found, setFound] = useState<Found & { of: string }>();
  const [attempt, setAttempt] = useState(0);
  const of = JSON.stringify(parkNames);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn looks again.
  useEffect(() => {
    let isCurrent = true;
    const names = JSON.parse(of) as string[];
    const read = async (from: string): Promise<Page> => {
      const filter = { from, ...(names.length > 0 ? { parkNames: names } : {}) };
      const request = client.query(ListDaysWithReadingsDocument, { filter }, { requestPolicy: "network-only" });
      const { data, error } = await request.toPromise();
      if (!data) throw error;
      return data.listEnergyTypeDailyStats;
    };
    findLastDay(read).then(
      (day) => isCurrent && setFound({ of, day }),
      (error: CombinedError) => isCurrent && setFound({ of, error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [client, of, attempt]);

  const retry = () => {
    setFound(undefined);
    setAttempt(attempt + 1);
  };
  return { ...(found?.of === of ? found : {}), retry };
}

/** `read` returns the days from one on, as many as there are on a page. */
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
