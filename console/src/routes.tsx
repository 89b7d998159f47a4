import { createBrowserRouter } from "react-router";

import { PAGES } from "./pages";
import { Frame } from "./shell/Frame";
import { Crashed, NotFoundPage } from "./shell/NotFoundPage";

export const router = createBrowserRouter([
  {
    element: <Frame />,
    errorElement: <Crashed />,
    HydrateFallback: () => null,
    children: [
      ...PAGES.map(({ path, load }) => ({ path, lazy: async () => ({ Component: await load() }) })),
      // Where an OIDC issuer sends people back to: the session has taken what it brings before this is shown.
      { path: "/sign-in/callback", element: null },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
