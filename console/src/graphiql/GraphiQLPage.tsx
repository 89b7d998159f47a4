import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/react/style.css";
import "graphiql/graphiql.css";
import "graphiql/setup-workers/vite";
import "./graphiql.css";

import { DOC_EXPLORER_PLUGIN, DocExplorerStore } from "@graphiql/plugin-doc-explorer";
import { GraphiQLProvider, pick, useGraphiQL, useGraphiQLActions, useMonaco } from "@graphiql/react";
import { GraphiQL, GraphiQLInterface } from "graphiql";
import { useEffect } from "react";

import { sessionHeaders } from "./credentials";
import { eventLog } from "./eventLog";
import welcome from "./examples/vpps.graphql?raw";
import { fetcher } from "./fetcher";
import { HISTORY_PLUGIN } from "./HistoryPlugin";
import { ResponseFooter } from "./ResponseFooter";
import { Toolbar } from "./Toolbar";
import { defineThemes } from "./themes";

const PLUGINS = [DOC_EXPLORER_PLUGIN, HISTORY_PLUGIN];
const MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

export function GraphiQLPage() {
  const headers = JSON.stringify(sessionHeaders(), null, 2);

  useEffect(() => {
    document.title = "GraphiQL · vpp";
    return () => eventLog.clear();
  }, []);

  return (
    <div id="graphiql">
      <GraphiQLProvider
        fetcher={fetcher}
        // GraphiQL does not persist headers that are props: initialHeaders (first tab), defaultHeaders (new tabs).
        initialHeaders={headers}
        defaultHeaders={headers}
        shouldPersistHeaders={false}
        defaultQuery={welcome}
        plugins={PLUGINS}
        referencePlugin={DOC_EXPLORER_PLUGIN}
      >
        <DocExplorerStore>
          <Toolbar />
          <GraphiQLInterface forcedTheme="system" showPersistHeadersSettings={false}>
            <GraphiQL.Logo>{null}</GraphiQL.Logo>
            <GraphiQL.Footer>
              <ResponseFooter />
            </GraphiQL.Footer>
          </GraphiQLInterface>
          <EditorTheme />
        </DocExplorerStore>
      </GraphiQLProvider>
    </div>
  );
}

/** Applies the console's font and colours to the editors, again when the system's colour scheme changes. */
function EditorTheme() {
  const editors = useGraphiQL(pick("queryEditor", "variableEditor", "headerEditor", "responseEditor"));
  const monaco = useMonaco((state) => state.monaco);
  const { setTheme } = useGraphiQLActions();

  useEffect(() => {
    for (const editor of Object.values(editors)) editor?.updateOptions({ fontFamily: MONO, fontSize: 13.5 });
  }, [editors]);

  useEffect(() => {
    if (!monaco) return;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(null);
    defineThemes(monaco);
    follow();
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, [monaco, setTheme]);

  return null;
}
