/** Input fields whose value is kept in the URL, debounced. */

import { useEffect, useState } from "react";

import { addDays, thisMonth, today } from "../components/format";
import { useUrlParams } from "../components/urlParams";

export const DEBOUNCE_MS = 250;

export interface UrlInput {
  /** The text in the field. */
  text: string;
  setText: (text: string) => void;
  /** The value in the URL, updated when typing pauses. Queries use this value. */
  value: string;
}

/** A search text. */
export function useTextParam(name: string): UrlInput {
  const [params, updateParams] = useUrlParams();
  const [typed, setTyped] = useState<string | null>(null);
  const urlValue = params.get(name) ?? "";

  useEffect(() => {
    if (typed === null) return;
    if (typed === urlValue) {
      setTyped(null);
      return;
    }
    const timer = setTimeout(
      () =>
        updateParams(
          (current) => {
            if (typed) current.set(name, typed);
            else current.delete(name);
          },
          { replace: true },
        ),
      DEBOUNCE_MS,
    );
    return () => clearTimeout(timer);
  }, [name, typed, urlValue, updateParams]);

  return { text: typed ?? urlValue, setText: setTyped, value: urlValue.trim() };
}

/** A settlement date; by default today. */
export function useDayParam(name: string): UrlInput {
  const { text, setText, value } = useTextParam(name);
  const now = today();
  const day = (text: string) => (isDay(text) ? text : now);
  return { text: day(text), setText: (text) => setText(text === now ? "" : text), value: day(value) };
}

/** A month; by default the current one. */
export function useMonthParam(name: string): UrlInput {
  const { text, setText, value } = useTextParam(name);
  const month = (text: string) => (isDay(`${text}-01`) ? text : thisMonth());
  return { text: month(text), setText, value: month(value) };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && addDays(text, 0) === text;
}
