import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";

import { router } from "./routes";

createRoot(document.getElementById("console") as HTMLElement).render(
  <StrictMode>
    {/* Dates are formatted and parsed as in Australia, not in the browser's language. */}
    <I18nProvider locale="en-AU">
      <RouterProvider router={router} />
    </I18nProvider>
  </StrictMode>,
);
