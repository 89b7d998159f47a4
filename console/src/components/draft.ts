/** Drafts of forms in session storage: they survive a reload and an expired session, until sent or discarded. */

import { type Dispatch, type SetStateAction, useEffect, useState } from "react";

/** Like useState, but the value is stored under `name` in session storage. Never use it for secrets. */
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
