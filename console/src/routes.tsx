/** Which page is at which address. A page's code is loaded when it is first opened. */

import { createBrowserRouter } from "react-router";

import { Frame } from "./shell/Frame";
import { Crashed, NotFoundPage } from "./shell/NotFoundPage";

export const router = createBrowserRouter([
  {
    element: <Frame />,
    errorElement: <Crashed />,
    HydrateFallback: () => null,
    children: [
      { path: "/", lazy: async () => ({ Component: (await import("./fleet/FleetPage")).FleetPage }) },
      { path: "/vpps/:vppId", lazy: async () => ({ Component: (await import("./fleet/VppPage")).VppPage }) },
      { path: "/sites/:siteId", lazy: async () => ({ Component: (await import("./fleet/SitePage")).SitePage }) },
      { path: "/imports", lazy: async () => ({ Component: (await import("./imports/ImportsPage")).ImportsPage }) },
      {
        path: "/imports/:importId",
        lazy: async () => ({ Component: (await import("./imports/ImportPage")).ImportPage }),
      },
      { path: "/reports", lazy: async () => ({ Component: (await import("./reports/ReportsPage")).ReportsPage }) },
      {
        path: "/reports/:vppId/:month",
        lazy: async () => ({ Component: (await import("./reports/MonthPage")).MonthPage }),
      },
      { path: "/parks", lazy: async () => ({ Component: (await import("./parks/ParksPage")).ParksPage }) },
      { path: "/access", lazy: async () => ({ Component: (await import("./access/AccessPage")).AccessPage }) },
      { path: "/graphql", lazy: async () => ({ Component: (await import("./graphiql/GraphiQLPage")).GraphiQLPage }) },
      // Where an OIDC issuer sends people back to: the session has taken what it brings before this is shown.
      { path: "/sign-in/callback", element: null },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
