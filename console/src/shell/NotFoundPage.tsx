/** Pages for unknown URLs and for crashes. */

import { useRouteError } from "react-router";

import { NotFound } from "../components/states";

export function NotFoundPage() {
  return <NotFound noun="page" />;
}

/** The error boundary: a page's code failed to load, or threw. */
export function Crashed() {
  const error = useRouteError();
  return (
    <main className="sign-in">
      <div className="card stack" role="alert">
        <h1>This page could not be shown</h1>
        <p>
          Nothing you saved is affected. Reload the page. If that does not help, contact the administrator of this
          server.
        </p>
        <p className="soft small mono">{error instanceof Error ? error.message : String(error)}</p>
        <div>
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Reload the page
          </button>
        </div>
      </div>
    </main>
  );
}
