import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router/dom";

import { router } from "./routes";

createRoot(document.getElementById("console") as HTMLElement).render(
  <StrictMode>
    {/* Days are written and read as Australians do, whatever the browser's own language. */}
    <I18nProvider locale="en-AU">
      <RouterProvider router={router} />
    </I18nProvider>
  </StrictMode>,
);
