/** Who changed what, newest first, a page at a time. */

import { Button } from "react-aria-components";

import { usePages } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListAuditEntriesDocument } from "../schema";
import { Entry } from "./AuditEntry";
import { TrailFilter } from "./AuditTrailFilter";
import { filterOf, useNarrowing } from "./auditFilter";

export function AuditTrail() {
  const { chosen, isNarrowed } = useNarrowing();
  const trail = usePages(ListAuditEntriesDocument, { filter: filterOf(chosen) }, (data) => data.listAuditEntries);
  return (
    <>
      <TrailFilter />
      {trail.error && <Failure error={trail.error} retry={trail.reload} />}
      {trail.isFirst ? (
        <div className="waiting">
          <Loading what="the audit trail" />
        </div>
      ) : trail.items.length === 0 ? (
        !trail.error && (
          <Empty title={isNarrowed ? "No change is like this" : "Nothing was changed yet"}>
            {!isNarrowed && <p>Every change is kept here for good: by whom, when, and what was there before it.</p>}
          </Empty>
        )
      ) : (
        <ol className="trail" aria-label="Changes, newest first">
          {trail.items.map((entry) => (
            <Entry key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
      {trail.hasMore && (
        <div className="row">
          <Button className="button" onPress={trail.more} isPending={trail.isLoading}>
            {trail.isLoading ? "Loading…" : "Show more"}
          </Button>
        </div>
      )}
    </>
  );
}
