import type { CombinedError } from "urql";

import { apiErrorOf } from "../components/errors";
import { PageHeader } from "../components/PageHeader";
import { Failure, Loading, NotFound } from "../components/states";

/** The page of an object while it is loading, if it does not exist, or if it could not be read. */
export function ObjectFallback({
  noun,
  isLoaded,
  error,
  retry,
}: {
  noun: string;
  isLoaded: boolean;
  error: CombinedError | undefined;
  retry: () => void;
}) {
  // The API rejects a malformed id in the URL as ValidationFailed: such an object does not exist either.
  if (isLoaded && (!error || apiErrorOf(error).errorType === "ValidationFailed")) return <NotFound noun={noun} />;
  if (!error) return <Loading page subject={`the ${noun}`} />;
  return (
    <>
      <PageHeader title={`A ${noun}`} parent={{ to: "/", label: "Fleet" }} />
      <Failure error={error} retry={retry} />
    </>
  );
}
