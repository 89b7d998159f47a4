/** The pages by path. Each page's code is a separate chunk, loaded when the page is first opened. */

export const PAGES = [
  { path: "/", load: async () => (await import("./fleet/FleetPage")).FleetPage },
  { path: "/vpps/:vppId", load: async () => (await import("./fleet/VppPage")).VppPage },
  { path: "/sites/:siteId", load: async () => (await import("./fleet/SitePage")).SitePage },
  { path: "/imports", load: async () => (await import("./imports/ImportsPage")).ImportsPage },
  { path: "/imports/:importId", load: async () => (await import("./imports/ImportPage")).ImportPage },
  { path: "/reports", load: async () => (await import("./reports/ReportsPage")).ReportsPage },
  { path: "/reports/:vppId/:month", load: async () => (await import("./reports/MonthPage")).MonthPage },
  { path: "/parks", load: async () => (await import("./parks/ParksPage")).ParksPage },
  { path: "/access", load: async () => (await import("./access/AccessPage")).AccessPage },
  { path: "/graphql", load: async () => (await import("./graphiql/GraphiQLPage")).GraphiQLPage },
];

/** Starts loading the code of the page at a path, before the router requests it. */
export function preload(address: string): void {
  const page = PAGES.find(({ path }) => new RegExp(`^${path.replaceAll(/:\w+/g, "[^/]+")}/?$`).test(address));
  // The router's own import() reports a failed load.
  page?.load().catch(() => {});
}
