/** What a page's address asks for beside the page itself, where a reload, a link and the way back find it. */

import { useCallback } from "react";
import { type NavigateOptions, useNavigate, useSearchParams } from "react-router";

type Change = (params: URLSearchParams) => void;

/**
 * Returns the address's parameters, and what changes them. Each change starts from the address as it is by then: React
 * Router's own starts from the one that was last drawn, and of two changes before the next drawing loses the first.
 */
export function useUrlParams(): [URLSearchParams, (change: Change, options?: NavigateOptions) => void] {
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const change = useCallback(
    (update: Change, options?: NavigateOptions) => {
      const current = new URLSearchParams(window.location.search);
      update(current);
      void navigate(`?${current}`, options);
    },
    [navigate],
  );
  return [params, change];
}
