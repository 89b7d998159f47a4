/** What is entered into a page's fields and stands in its address. */

import { useEffect, useState } from "react";
import { daysOn, thisMonth, today } from "../components/format";
import { useAddress } from "../components/urlParams";

export const RESTED_AFTER_MS = 250;

export interface Asked {
  /** As it stands in its field. */
  entered: string;
  enter: (text: string) => void;
  /** As the address has it, once whoever enters it rests: what is read. */
  asked: string;
}

/** A text that is looked for. */
export function useSearch(name: string): Asked {
  const [params, change] = useAddress();
  const [typed, setTyped] = useState<string | null>(null);
  const asked = params.get(name) ?? "";

  useEffect(() => {
    if (typed === null) return;
    if (typed === asked) {
      setTyped(null);
      return;
    }
    const rest = setTimeout(
      () =>
        change(
          (present) => {
            if (typed) present.set(name, typed);
            else present.delete(name);
          },
          { replace: true },
        ),
      RESTED_AFTER_MS,
    );
    return () => clearTimeout(rest);
  }, [name, typed, asked, change]);

  return { entered: typed ?? asked, enter: setTyped, asked: asked.trim() };
}

/** A settlement date; today unless another is asked for. */
export function useDay(name: string): Asked {
  const { entered, enter, asked } = useSearch(name);
  const now = today();
  const day = (text: string) => (isDay(text) ? text : now);
  return { entered: day(entered), enter: (text) => enter(text === now ? "" : text), asked: day(asked) };
}

/** A month; this one unless another is asked for. */
export function useMonth(name: string): Asked {
  const { entered, enter, asked } = useSearch(name);
  const month = (text: string) => (isDay(`${text}-01`) ? text : thisMonth());
  return { entered: month(entered), enter, asked: month(asked) };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && daysOn(text, 0) === text;
}
