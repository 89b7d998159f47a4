/** Placeholders for content that is loading, empty, missing, forbidden or failed. */

import { CircleAlert, SearchX } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";
import type { CombinedError } from "urql";

import { CopyText } from "./CopyText";
import { errorMessage, requestId } from "./errors";
import { useTitle } from "./PageHeader";

/** A skeleton while something loads; `page` makes it as high as the window. */
export function Loading({ subject, page = false }: { subject: string; page?: boolean }) {
  return (
    <div role="status" className="skeleton" style={page ? { minHeight: "100dvh" } : undefined}>
      <span className="visually-hidden">Loading {subject}…</span>
    </div>
  );
}

/** The empty state of a list; the children explain how to add an item. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="card stack" style={{ alignItems: "center", textAlign: "center", padding: "2.5rem 1rem" }}>
      <h2>{title}</h2>
      {children && <div className="soft stack">{children}</div>}
    </div>
  );
}

/** The page for an object that does not exist. It is exactly the same for an object outside the caller's scope. */
export function NotFound({ noun }: { noun: string }) {
  useTitle(`There is no such ${noun}`);

  return (
    <div className="card stack" style={{ alignItems: "center", textAlign: "center", padding: "2.5rem 1rem" }}>
      <SearchX size={28} aria-hidden className="soft" />
      <h1>There is no such {noun}</h1>
      <p className="soft">It may have been deleted, or the address may be incomplete.</p>
      <Link className="button" to="/">
        Go to the home page
      </Link>
    </div>
  );
}

/** The page for a caller whose role is too low. */
export function Forbidden({ audience }: { audience: string }) {
  return (
    <div className="card stack" style={{ alignItems: "center", textAlign: "center", padding: "2.5rem 1rem" }}>
      <h1>This page is for {audience}</h1>
      <p className="soft">Your access does not include it. Ask an administrator for a key with more access.</p>
    </div>
  );
}

/** An error: a sentence, a button to try again, and the request id to look up in the server's log. */
export function Failure({ error, retry }: { error: CombinedError; retry?: (() => void) | undefined }) {
  const id = requestId(error);
  return (
    <div className="notice bad" role="alert">
      <CircleAlert size={18} aria-hidden className="bad" />
      <div className="stack" style={{ "--gap": "0.4rem" }}>
        <p>{errorMessage(error)}</p>
        {(retry || id) && (
          <div className="row">
            {retry && (
              <Button className="button" onPress={retry}>
                Try again
              </Button>
            )}
            {id && <CopyText label="Request" text={id} />}
          </div>
        )}
      </div>
    </div>
  );
}
