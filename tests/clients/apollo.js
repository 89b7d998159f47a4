// An Apollo Client app with the links made for AppSync: sends one operation and prints its results.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { createRequire } from "node:module";

import { options, print, stopRequested } from "./app.js";

// The ES module builds of the links cannot sign in Node ("Sha256 is not a constructor"); the CommonJS builds can.
const require = createRequire(import.meta.url);
const { createAuthLink } = require("aws-appsync-auth-link");
const { createSubscriptionHandshakeLink } = require("aws-appsync-subscription-link");

const auth = options.accessKey
  ? { type: "AWS_IAM", credentials: options.accessKey }
  : { type: "API_KEY", apiKey: options.apiKey };
const server = { url: options.endpoint, region: "us-east-1", auth };
// By default, HttpLink adds extensions that name Apollo Client to the body. The auth link signs the body without them,
// so the signature would not match.
const http = new HttpLink({ uri: server.url, enhancedClientAwareness: { transport: false } });
const client = new ApolloClient({
  link: ApolloLink.from([createAuthLink(server), createSubscriptionHandshakeLink(server, http)]),
  cache: new InMemoryCache(),
});

const { variables } = options;
const document = gql(options.document);

const printResult = ({ data, error }) => (error ? printRejection(error) : print({ data }));
const printRejection = ({ message, statusCode, cause }) => print({ rejected: { message, statusCode, cause } });

switch (document.definitions[0].operation) {
  case "query":
    await client.query({ query: document, variables }).then(printResult, printRejection);
    break;
  case "mutation":
    await client.mutate({ mutation: document, variables }).then(printResult, printRejection);
    break;
  case "subscription": {
    const subscription = client
      .subscribe({ query: document, variables })
      .subscribe({ next: printResult, error: printRejection });
    await stopRequested();
    subscription.unsubscribe();
    process.exit(); // A timer in the subscription link would keep the process alive for 15 s.
  }
}
