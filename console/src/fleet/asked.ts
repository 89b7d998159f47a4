/** What a page's address asks for beside the page itself, where a reload, a link and the way back find it. */

import { useCallback, useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import { daysOn, thisMonth, today } from "../parts/format";

export const RESTED_AFTER_MS = 250;

/** A text that is looked for: as it stands in its field, and, once whoever types it rests, as it is `asked`. */
export function useSearch(name: string) {
  const [asked, ask] = useAsked(name);
  const [typed, setTyped] = useState<string | null>(null);

  useEffect(() => {
    if (typed === null) return;
    if (typed === asked) {
      setTyped(null);
      return;
    }
    const rest = setTimeout(() => ask(typed), RESTED_AFTER_MS);
    return () => clearTimeout(rest);
  }, [typed, asked, ask]);

  return { text: typed ?? asked, setText: setTyped, asked: asked.trim() };
}

/** A settlement date; today unless another is asked for. */
export function useDay(name: string): [string, (day: string | null) => void] {
  const [asked, ask] = useAsked(name);
  const now = today();
  return [isDay(asked) ? asked : now, (day) => ask(day === null || day === now ? "" : day)];
}

/** A month; this one unless another is asked for. */
export function useMonth(name: string): [string, (month: string) => void] {
  const [asked, ask] = useAsked(name);
  return [isDay(`${asked}-01`) ? asked : thisMonth(), ask];
}

function useAsked(name: string): [string, (text: string) => void] {
  const [params, setParams] = useSearchParams();
  const ask = useCallback(
    (text: string) =>
      setParams(
        (present) => {
          if (text) present.set(name, text);
          else present.delete(name);
          return present;
        },
        { replace: true, preventScrollReset: true },
      ),
    [name, setParams],
  );
  return [params.get(name) ?? "", ask];
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && daysOn(text, 0) === text;
}
