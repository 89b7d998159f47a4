/** What is shown where there is no page, or where one failed. */

import { useRouteError } from "react-router";

import { NotFound } from "../components/states";

export function NotFoundPage() {
  return <NotFound noun="page" />;
}

/** A page's code could not be loaded, or went wrong: the reason, and the way on. */
export function Crashed() {
  const fault = useRouteError();
  return (
    <main className="sign-in">
      <div className="card stack" role="alert">
        <h1>This page could not be shown</h1>
        <p>Nothing you saved is affected. Load it again; if that does not help, tell whoever runs this server.</p>
        <p className="soft small mono">{fault instanceof Error ? fault.message : String(fault)}</p>
        <div>
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Load the page again
          </button>
        </div>
      </div>
    </main>
  );
}
