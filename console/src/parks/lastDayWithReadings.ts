/** Which day is the last that has readings: the API lists days from the first on, so it is looked for. */

import { useEffect, useState } from "react";
import { type CombinedError, useClient } from "urql";

import { daysOn, today } from "../components/format";
import { ListDaysWithReadingsDocument, type ListDaysWithReadingsQuery } from "../schema";

type Page = ListDaysWithReadingsQuery["listEnergyTypeDailyStats"];

// Most often it is among the last ninety days, of which one page holds all.
const BACK_DAYS = [90, 365, 5 * 365, 100 * 365];
const AFTER_ALL = "2200-01-01";
const DAY_MS = 24 * 3600 * 1000;

interface Found {
  day?: string | null;
  error?: CombinedError;
}

/** Finds the last day: of the parks named, or of all. Undefined until it is known; null where there are no readings. */
export function useLastDay(parkNames: readonly string[]): Found & { retry: () => void } {
  const client = useClient();
  const [found, setFound] = useState<Found & { of: string }>();
  const [turn, setTurn] = useState(0);
  const of = JSON.stringify(parkNames);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn looks again.
  useEffect(() => {
    let isWanted = true;
    const names = JSON.parse(of) as string[];
    const read = async (from: string): Promise<Page> => {
      const filter = { from, ...(names.length > 0 ? { parkNames: names } : {}) };
      const asked = client.query(ListDaysWithReadingsDocument, { filter }, { requestPolicy: "network-only" });
      const { data, error } = await asked.toPromise();
      if (!data) throw error;
      return data.listEnergyTypeDailyStats;
    };
    lastDay(read).then(
      (day) => isWanted && setFound({ of, day }),
      (error: CombinedError) => isWanted && setFound({ of, error }),
    );
    return () => {
      isWanted = false;
    };
  }, [client, of, turn]);

  const retry = () => {
    setFound(undefined);
    setTurn(turn + 1);
  };
  return { ...(found?.of === of ? found : {}), retry };
}

/** `read` returns the days from one on, as many as there are on a page. */
async function lastDay(read: (from: string) => Promise<Page>): Promise<string | null> {
  let page: Page = { items: [], nextToken: null };
  let none = AFTER_ALL;
  for (const days of BACK_DAYS) {
    const from = daysOn(today(), -days);
    page = await read(from);
    if (page.items.length > 0) break;
    none = from;
  }
  let last = page.items.at(-1)?.date ?? null;
  while (last !== null && page.nextToken !== null) {
    const between = daysOn(last, Math.floor((Date.parse(none) - Date.parse(last)) / DAY_MS / 2));
    const next = await read(between);
    if (next.items.length === 0) none = between;
    else page = next;
    last = page.items.at(-1)?.date ?? null;
  }
  return last;
}
