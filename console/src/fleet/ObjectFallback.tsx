import type { CombinedError } from "urql";
import { apiErrorOf } from "../components/errors";
import { PageHeader } from "../components/PageHeader";
import { Failure, Loading, NotFound } from "../components/states";

/** Stands in the place of a thing that is still being read, is not there, or could not be read. */
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
  // An address that holds no id at all names nothing either.
  if (isLoaded && (!error || apiErrorOf(error).errorType === "ValidationFailed")) return <NotFound noun={noun} />;
  if (!error) return <Loading page subject={`the ${noun}`} />;
  return (
    <>
      <PageHeader title={`A ${noun}`} parent={{ to: "/", label: "Fleet" }} />
      <Failure error={error} retry={retry} />
    </>
  );
}
