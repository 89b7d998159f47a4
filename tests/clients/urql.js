// A urql app: sends one operation and prints its results. `subscriptions` is their transport: `ws` or `sse`.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";

import { options, print, stopRequested } from "./app.js";

const { endpoint, apiKey, document, variables } = options;
const socket = createClient({ url: endpoint.replace("http", "ws"), connectionParams: { "x-api-key": apiKey } });
const webSocketExchange = subscriptionExchange({
  forwardSubscription: ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  }),
});
const client = new Client({
  url: endpoint,
  fetchOptions: { headers: { "x-api-key": apiKey } },
  preferGetMethod: false, // By default urql sends queries as GET requests.
  fetchSubscriptions: options.subscriptions === "sse",
  exchanges: [fetchExchange, webSocketExchange],
});

const describe = ({ response, graphQLErrors }) => ({
  status: response?.status,
  messages: graphQLErrors.map(({ message }) => message),
});
const printResult = ({ data, error }) => print(error ? { rejected: describe(error) } : { data });

if (document.startsWith("subscription")) {
  const subscription = client.subscription(document, variables).subscribe(printResult);
  await stopRequested();
  subscription.unsubscribe();
} else if (document.startsWith("mutation")) {
  printResult(await client.mutation(document, variables));
} else {
  printResult(await client.query(document, variables));
}
await socket.dispose();
