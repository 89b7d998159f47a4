/** What a page's address asks for beside the page itself, where a reload, a link and the way back find it. */

import { useCallback } from "react";
import { type NavigateOptions, useNavigate, useSearchParams } from "react-router";

type Change = (params: URLSearchParams) => void;

/**
 * Returns the address's parameters, and what changes them. Each change starts from the address as it is by then: React
 * Router's own starts from the one that was last drawn, and of two changes before the next drawing loses the first.
 */
export function useAddress(): [URLSearchParams, (change: Change, how?: NavigateOptions) => void] {
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const change = useCallback(
    (change: Change, how?: NavigateOptions) => {
      const present = new URLSearchParams(window.location.search);
      change(present);
      void navigate(`?${present}`, how);
    },
    [navigate],
  );
  return [params, change];
}
