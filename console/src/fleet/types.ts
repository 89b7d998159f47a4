import type { GetSiteQuery } from "../schema";

/** A site as the site page reads it. */
export type Site = NonNullable<GetSiteQuery["getSite"]>;

export type Battery = Site["batteries"][number];
