/** What is typed into a form, kept in this tab until it is sent or given up: through a reload, and a session's end. */

import { type Dispatch, type SetStateAction, useEffect, useState } from "react";

/** Like useState, but finds again what was kept under the name. Never for secrets. */
export function useDraft<Value>(name: string, initial: Value): [Value, Dispatch<SetStateAction<Value>>, () => void] {
  const place = `draft:${name}`;
  const [value, setValue] = useState<Value>(() => {
    const kept = sessionStorage.getItem(place);
    return kept === null ? initial : (JSON.parse(kept) as Value);
  });

  useEffect(() => {
    if (value !== initial) sessionStorage.setItem(place, JSON.stringify(value));
  }, [place, value, initial]);

  return [value, setValue, () => sessionStorage.removeItem(place)];
}
