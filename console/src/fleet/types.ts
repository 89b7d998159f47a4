import type { GetSiteQuery } from "../schema";

/** A site, with the fields that the site page queries. */
export type Site = NonNullable<GetSiteQuery["getSite"]>;

export type Battery = Site["batteries"][number];
