import { Button } from "react-aria-components";

import type { Pages } from "../components/paginatedList";

/** Reads the next page of a list that is no table. */
export function MoreButton<Item>({ pages }: { pages: Pages<Item> }) {
  if (!pages.hasMore) return null;
  return (
    <div>
      <Button className="button quiet" onPress={pages.more} isPending={pages.isLoading}>
        {pages.isLoading ? "Loading…" : "Show more"}
      </Button>
    </div>
  );
}
