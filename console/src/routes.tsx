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
      // The OIDC redirect URI: the session consumes its parameters and leaves this path before anything is rendered.
      { path: "/sign-in/callback", element: null },
      { path: "*", element: <NotFoundPage /> },
    ],
  },
]);
