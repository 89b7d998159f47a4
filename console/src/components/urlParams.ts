/** Page state in the URL's query parameters, so that reloads, links and the back button restore it. */

import { useCallback } from "react";
import { type NavigateOptions, useNavigate, useSearchParams } from "react-router";

type Change = (params: URLSearchParams) => void;

/**
 * Returns the query parameters and a function that updates them. Each update starts from the current URL, unlike React
 * Router's setSearchParams: that starts from the last rendered URL, and loses the first of two updates before a render.
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
