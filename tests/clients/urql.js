// An app of urql's: sends one operation, and tells what it is answered; subscriptions go over `ws` or `sse`.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";

import { given, heardEnough, tell } from "./app.js";

const { endpoint, apiKey, document, variables } = given;
const socket = createClient({ url: endpoint.replace("http", "ws"), connectionParams: { "x-api-key": apiKey } });
const overSocket = subscriptionExchange({
  forwardSubscription: ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  }),
});
const client = new Client({
  url: endpoint,
  fetchOptions: { headers: { "x-api-key": apiKey } },
  preferGetMethod: false, // Unless told otherwise it sends queries as GETs.
  fetchSubscriptions: given.subscriptions === "sse",
  exchanges: [fetchExchange, overSocket],
});

const seen = ({ response, graphQLErrors }) => ({
  status: response?.status,
  messages: graphQLErrors.map(({ message }) => message),
});
const answered = ({ data, error }) => tell(error ? { rejected: seen(error) } : { data });

if (document.startsWith("subscription")) {
  const subscription = client.subscription(document, variables).subscribe(answered);
  await heardEnough();
  subscription.unsubscribe();
} else if (document.startsWith("mutation")) {
  answered(await client.mutation(document, variables));
} else {
  answered(await client.query(document, variables));
}
await socket.dispose();
