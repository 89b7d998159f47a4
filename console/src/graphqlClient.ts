/** The GraphQL client for the pages: urql over HTTP, graphql-ws for subscriptions, with the session's credentials. */

import {
  Client,
  cacheExchange,
  type Exchange,
  type ExecutionResult,
  fetchExchange,
  type Operation,
  subscriptionExchange,
} from "@urql/core";
import { retryExchange } from "@urql/exchange-retry";
import { createClient as createSocket } from "graphql-ws";
import { pipe, tap } from "wonka";

import { connection } from "./connection";
import { session } from "./session/session";

const URL = "/graphql";
const UNAUTHORIZED = 401;

/** Creates the client for one caller. A new caller gets a new client, so no cached data leaks to them. */
export function createGraphQLClient(): Client {
  const socket = createSocket({
    url: location.origin.replace(/^http/, "ws") + URL,
    connectionParams: () => ({ authorization: session.authorization }),
    retryAttempts: Number.POSITIVE_INFINITY,
    // Back off 1 s, 2 s, then every 4 s, so that live data resumes soon after the network does.
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** retries, 4000))),
    shouldRetry: (error) => !isAuthRejection(error),
    on: {
      connected: () => connection.markOnline(),
      closed: (event) => (isAuthRejection(event) ? session.markExpired() : undefined),
    },
  });

  return new Client({
    url: URL,
    preferGetMethod: false,
    fetch: monitoredFetch,
    fetchOptions: () => ({ headers: { authorization: session.authorization } }),
    exchanges: [
      refetchExchange,
      cacheExchange,
      // Queries are retried until the server answers. Mutations are not: the user sees the error and decides.
      retryExchange({
        initialDelayMs: 1000,
        maxDelayMs: 4000,
        maxNumberAttempts: Number.POSITIVE_INFINITY,
        retryIf: (error, operation) => Boolean(error.networkError) && !error.response && operation.kind === "query",
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = "", variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query, ...(variables ? { variables } : {}) },
              { ...sink, next: (answer) => sink.next(answer as ExecutionResult) },
            ),
          }),
        }),
      }),
    ],
  });
}

/** Wraps fetch: records whether the server is reachable, and ends the session on a 401. */
async function monitoredFetch(input: RequestInfo | globalThis.URL, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    if (!init?.signal?.aborted) connection.markOffline();
    throw error;
  }
  connection.markOnline();
  if (response.status === UNAUTHORIZED) session.markExpired();
  return response;
}

/** Re-executes every active query when the connection returns, or when the page is shown after a long time hidden. */
const refetchExchange: Exchange = ({ client, forward }) => {
  const activeQueries = new Map<number, Operation>();
  connection.onRefreshNeeded(() => {
    for (const operation of activeQueries.values()) {
      client.reexecuteOperation(
        client.createRequestOperation("query", operation, { requestPolicy: "cache-and-network" }),
      );
    }
  });
  return (operations) =>
    forward(
      pipe(
        operations,
        tap((operation) => {
          if (operation.kind === "query") activeQueries.set(operation.key, operation);
          if (operation.kind === "teardown") activeQueries.delete(operation.key);
        }),
      ),
    );
};

// The graphql-transport-ws close codes for rejected credentials: 4401 Unauthorized, 4403 Forbidden.
const isAuthRejection = (error: unknown) => error instanceof CloseEvent && [4401, 4403].includes(error.code);
