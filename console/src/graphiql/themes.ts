/** GraphiQL's light and dark Monaco themes, in the console's colours. */

import type { useMonaco } from "@graphiql/react";

type Monaco = NonNullable<Parameters<Parameters<typeof useMonaco>[0]>[0]["monaco"]>;

const THEMES = {
  "graphiql-LIGHT": { base: "vs", surface: "#ffffff", accent: "#0b6e69", wash: "#e3f2f1", soft: "#4d5c66" },
  "graphiql-DARK": { base: "vs-dark", surface: "#1b252b", accent: "#4fc7bd", wash: "#12302f", soft: "#a4b2bb" },
} as const;

export function defineThemes(monaco: Monaco): void {
  for (const [name, { base, surface, accent, wash, soft }] of Object.entries(THEMES)) {
    monaco.editor.defineTheme(name, {
      base,
      inherit: true,
      rules: [
        { token: "comment", foreground: soft },
        { token: "argument.identifier.gql", foreground: accent },
      ],
      colors: {
        "editor.background": "#ffffff00",
        "scrollbar.shadow": "#ffffff00",
        "editorLineNumber.foreground": soft,
        "editorLineNumber.dimmedForeground": soft,
        "textLink.foreground": accent,
        "textLink.activeForeground": accent,
        "editorLink.activeForeground": accent,
        "editorHoverWidget.background": surface,
        "editorSuggestWidget.background": surface,
        "editorSuggestWidget.selectedBackground": wash,
        "editorSuggestWidget.selectedForeground": accent,
        "editorSuggestWidget.highlightForeground": accent,
        "editorSuggestWidget.focusHighlightForeground": accent,
        "editorWidget.background": surface,
        "quickInput.background": surface,
        "quickInputList.focusBackground": wash,
        "quickInputList.focusForeground": accent,
        "menu.background": surface,
        "menu.selectionBackground": wash,
        "menu.selectionForeground": accent,
        "list.hoverBackground": wash,
        "list.highlightForeground": accent,
        "list.focusHighlightForeground": accent,
        focusBorder: accent,
      },
    });
  }
}
