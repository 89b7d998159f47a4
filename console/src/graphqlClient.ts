/** The GraphQL client of the pages: urql over HTTP, graphql-ws for subscriptions, with the session's credentials. */

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

/** Makes a client for one caller. Another caller gets another, so that nobody sees what was read for somebody else. */
export function createGraphQLClient(): Client {
  const socket = createSocket({
    url: location.origin.replace(/^http/, "ws") + URL,
    connectionParams: () => ({ authorization: session.authorization }),
    retryAttempts: Number.POSITIVE_INFINITY,
    // One second, then two, then four: what is shown live should be live again soon after the connection is.
    retryWait: (retries) => new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** retries, 4000))),
    shouldRetry: (fault) => !isAuthRejection(fault),
    on: {
      connected: () => connection.markOnline(),
      closed: (event) => (isAuthRejection(event) ? session.refused() : undefined),
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
      // A read is asked for again until it is answered. A change is not: whoever made it is told, and decides.
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

/** Notes whether the server is there, and whether it still knows the caller. */
async function monitoredFetch(input: RequestInfo | globalThis.URL, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (fault) {
    if (!init?.signal?.aborted) connection.markOffline();
    throw fault;
  }
  connection.markOnline();
  if (response.status === UNAUTHORIZED) session.refused();
  return response;
}

/** Reads again all that is on the page when the connection is back, or the page is looked at again after a while. */
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

// How the server closes a socket whose credentials it refuses, in graphql-transport-ws.
const isAuthRejection = (fault: unknown) => fault instanceof CloseEvent && [4401, 4403].includes(fault.code);
