import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./graphiql.css";

import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { useEffect } from "react";

import { session } from "../session/session";
import welcome from "./welcome.graphql?raw";

const url = "/graphql";

/** Sends an operation with the headers of its moment: a subscription's go with its socket's connection_init. */
const fetcher: Fetcher = (operation, options) => {
  const wsClient = createClient({
    url: `${location.origin.replace(/^http/, "ws")}${url}`,
    connectionParams: options?.headers ?? {},
    retryAttempts: 0, // A refused key is shown at once.
  });
  // The schema is asked for before the headers editor is there to say what to send.
  const schemaFetcher = createGraphiQLFetcher({ url, headers: signedIn() });
  return createGraphiQLFetcher({ url, wsClient, schemaFetcher })(operation, options);
};

function signedIn(): Record<string, string> {
  const { authorization } = session;
  return authorization.startsWith("da2-") ? { "x-api-key": authorization } : { authorization };
}

/** Sets the editors' colours again when the system turns dark or light: the page around them does so by itself. */
function EditorsFollowTheSystem() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();

  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(theme);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, [theme, setTheme]);

  return null;
}

export function GraphiQLPage() {
  const headers = JSON.stringify(signedIn(), null, 2);
  return (
    <div id="graphiql">
      <GraphiQL
        fetcher={fetcher}
        // Given, so never remembered: the first for the tab shown at the start, the second for every other.
        initialHeaders={headers}
        defaultHeaders={headers}
        defaultQuery={welcome}
        // No history: it would keep headers, and so the key, in the browser's storage. Tabs are kept without them.
        plugins={[]}
      >
        <EditorsFollowTheSystem />
      </GraphiQL>
    </div>
  );
}
