import { Button } from "react-aria-components";

import type { PaginatedList } from "../components/paginatedList";

/** Loads the next page of a list that is not a DataTable. */
export function ShowMoreButton<Item>({ list }: { list: PaginatedList<Item> }) {
  if (!list.hasMore) return null;
  return (
    <div>
      <Button className="button quiet" onPress={list.loadMore} isPending={list.isLoading}>
        {list.isLoading ? "Loading…" : "Show more"}
      </Button>
    </div>
  );
}
