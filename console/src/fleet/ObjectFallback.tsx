import type { CombinedError } from "urql";

import { PageHeader } from "../components/PageHeader";
import { Failure, Loading, NotFound, refusalOf } from "../components/states";

/** Stands in the place of a thing that is still being read, is not there, or could not be read. */
export function Missing({
  what,
  isRead,
  error,
  retry,
}: {
  what: string;
  isRead: boolean;
  error: CombinedError | undefined;
  retry: () => void;
}) {
  // An address that holds no id at all names nothing either.
  if (isRead && (!error || refusalOf(error).errorType === "ValidationFailed")) return <NotFound what={what} />;
  if (!error) return <Loading page what={`the ${what}`} />;
  return (
    <>
      <PageHeader title={`A ${what}`} up={{ to: "/", label: "Fleet" }} />
      <Failure error={error} retry={retry} />
    </>
  );
}
