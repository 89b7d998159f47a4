/** The audit trail, newest first, a page at a time. */

import { Button } from "react-aria-components";

import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListAuditEntriesDocument } from "../schema";
import { AuditEntryItem } from "./AuditEntryItem";
import { AuditTrailFilter } from "./AuditTrailFilter";
import { toFilterInput, useAuditFilter } from "./auditFilter";

export function AuditTrail() {
  const { filter, isFiltered } = useAuditFilter();
  const trail = usePaginatedList(
    ListAuditEntriesDocument,
    { filter: toFilterInput(filter) },
    (data) => data.listAuditEntries,
  );
  return (
    <>
      <AuditTrailFilter />
      {trail.error && <Failure error={trail.error} retry={trail.reload} />}
      {trail.isLoadingFirstPage ? (
        <div className="waiting">
          <Loading subject="the audit trail" />
        </div>
      ) : trail.items.length === 0 ? (
        !trail.error && (
          <Empty title={isFiltered ? "No changes match the filter" : "No changes yet"}>
            {!isFiltered && (
              <p>Every change is recorded here permanently: who made it, when, and the values before and after.</p>
            )}
          </Empty>
        )
      ) : (
        <ol className="trail" aria-label="Changes, newest first">
          {trail.items.map((entry) => (
            <AuditEntryItem key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
      {trail.hasMore && (
        <div className="row">
          <Button className="button" onPress={trail.loadMore} isPending={trail.isLoading}>
            {trail.isLoading ? "Loading…" : "Show more"}
          </Button>
        </div>
      )}
    </>
  );
}
