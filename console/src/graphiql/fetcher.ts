/** Sends operations as the headers of their tab say, and notes what people look back at: what they ran, and events. */

import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { type Client, createClient } from "graphql-ws";

import { session } from "../session/session";
import { areSessionHeaders, type Headers, sessionHeaders } from "./credentials";
import { events } from "./eventLog";
import { history } from "./operationHistory";

const URL = "/graphql";
const UNAUTHORIZED = 401;

/** The headers are those of the moment; a subscription's go with the connection_init of a socket of its own. */
export const fetcher: Fetcher = (operation, options) => {
  const tabHeaders: Headers = options?.headers ?? {};
  const usesSession = areSessionHeaders(tabHeaders);
  const headers = usesSession ? { ...tabHeaders, ...sessionHeaders() } : tabHeaders;
  if (operation.operationName !== "IntrospectionQuery") history.add(operation);
  return createGraphiQLFetcher({
    url: URL,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      if (usesSession && response.status === UNAUTHORIZED) session.refused();
      return response;
    },
    wsClient: createLoggedSocket(operation.operationName ?? "", headers),
    // The schema is asked for before the headers editor is there to say what to send.
    schemaFetcher: createGraphiQLFetcher({ url: URL, headers: sessionHeaders() }),
  })(operation, { ...options, headers });
};

/** A socket whose events are noted. */
function createLoggedSocket(name: string, headers: Headers): Client {
  const socket = createClient({
    url: location.origin.replace(/^http/, "ws") + URL,
    connectionParams: headers,
    retryAttempts: 0, // A refused key is shown at once.
  });
  return {
    ...socket,
    subscribe: (payload, sink) => {
      const unsubscribe = socket.subscribe(payload, {
        next: (answer) => {
          events.add(answer);
          sink.next(answer as never);
        },
        error: (fault) => {
          events.end();
          sink.error(fault);
        },
        complete: () => {
          events.end();
          sink.complete();
        },
      });
      events.start(name, unsubscribe);
      return unsubscribe;
    },
  };
}
