/** What is entered into a page's fields and stands in its address. */

import { useEffect, useState } from "react";
import { addDays, thisMonth, today } from "../components/format";
import { useUrlParams } from "../components/urlParams";

export const DEBOUNCE_MS = 250;

export interface UrlInput {
  /** As it stands in its field. */
  text: string;
  setText: (text: string) => void;
  /** As the address has it, once whoever enters it rests: what is read. */
  value: string;
}

/** A text that is looked for. */
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

/** A settlement date; today unless another is asked for. */
export function useDayParam(name: string): UrlInput {
  const { text, setText, value } = useTextParam(name);
  const now = today();
  const day = (text: string) => (isDay(text) ? text : now);
  return { text: day(text), setText: (text) => setText(text === now ? "" : text), value: day(value) };
}

/** A month; this one unless another is asked for. */
export function useMonthParam(name: string): UrlInput {
  const { text, setText, value } = useTextParam(name);
  const month = (text: string) => (isDay(`${text}-01`) ? text : thisMonth());
  return { text: month(text), setText, value: month(value) };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && addDays(text, 0) === text;
}
