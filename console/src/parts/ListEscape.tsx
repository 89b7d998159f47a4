import type { ReactNode } from "react";

/** Lets Escape close the list that a field in it has opened, and not the dialog behind it, too. */
export function ListEscape({ children }: { children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are pressed in the field that is in it.
    <div
      role="presentation"
      onKeyDown={(event) => {
        const isOpen = event.currentTarget.querySelector("[aria-expanded='true']") !== null;
        if (event.key === "Escape" && isOpen) event.stopPropagation();
      }}
    >
      {children}
    </div>
  );
}
