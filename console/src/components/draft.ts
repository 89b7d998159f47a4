/** What is typed into a form, kept in this tab until it is sent or given up: through a reload, and a session's end. */

import { type Dispatch, type SetStateAction, useEffect, useState } from "react";

/** Like useState, but finds again what was kept under the name. Never for secrets. */
export function useDraft<Value>(name: string, initial: Value): [Value, Dispatch<SetStateAction<Value>>, () => void] {
  const storageKey = `draft:${name}`;
  const [value, setValue] = useState<Value>(() => {
    const stored = sessionStorage.getItem(storageKey);
    return stored === null ? initial : (JSON.parse(stored) as Value);
  });

  useEffect(() => {
    if (value !== initial) sessionStorage.setItem(storageKey, JSON.stringify(value));
  }, [storageKey, value, initial]);

  return [value, setValue, () => sessionStorage.removeItem(storageKey)];
}
