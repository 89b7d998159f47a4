/** GraphiQL's fetcher: sends operations with their tab's headers, and records the history and the events. */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { type Client, createClient } from "graphql-ws";

import { session } from "../session/session";
import { areSessionHeaders, type Headers, sessionHeaders } from "./credentials";
import { eventLog } from "./eventLog";
import { history } from "./operationHistory";

const URL = "/graphql";
const UNAUTHORIZED = 401;

/** Replaces outdated session credentials. A subscription sends the headers in its connection_init message. */
export const fetcher: Fetcher = (operation, options) => {
  const tabHeaders: Headers = options?.headers ?? {};
  const usesSession = areSessionHeaders(tabHeaders);
  const headers = usesSession ? { ...tabHeaders, ...sessionHeaders() } : tabHeaders;
  if (operation.operationName !== "IntrospectionQuery") history.add(operation);
  return createGraphiQLFetcher({
    url: URL,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (usesSession && response.status === UNAUTHORIZED) session.markExpired();
      return response;
    },
    wsClient: createLoggedSocket(operation.operationName ?? "", headers),
    // Introspection runs before the headers editor exists, so it always uses the session's credentials.
    schemaFetcher: createGraphiQLFetcher({ url: URL, headers: sessionHeaders() }),
  })(operation, { ...options, headers });
};

/** Creates a graphql-ws client that adds received events to the event log. */
function createLoggedSocket(name: string, headers: Headers): Client {
  const socket = createClient({
    url: location.origin.replace(/^http/, "ws") + URL,
    connectionParams: headers,
    retryAttempts: 0, // Show immediately that a key was rejected.
  });
  return {
    ...socket,
    subscribe: (payload, sink) => {
      const unsubscribe = socket.subscribe(payload, {
        next: (result) => {
          eventLog.add(result);
          sink.next(result as never);
        },
        error: (error) => {
          eventLog.end();
          sink.error(error);
        },
        complete: () => {
          eventLog.end();
          sink.complete();
        },
      });
      eventLog.start(name, unsubscribe);
      return unsubscribe;
    },
  };
}
