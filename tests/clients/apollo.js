// An app of Apollo's with the links made for AppSync: sends one operation, and tells what it is answered.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { createRequire } from "node:module";

import { given, heardEnough, tell } from "./app.js";

// Their builds for import cannot sign in Node ("Sha256 is not a constructor"), those for require can.
const require = createRequire(import.meta.url);
const { createAuthLink } = require("aws-appsync-auth-link");
const { createSubscriptionHandshakeLink } = require("aws-appsync-subscription-link");

const auth = given.accessKey
  ? { type: "AWS_IAM", credentials: given.accessKey }
  : { type: "API_KEY", apiKey: given.apiKey };
const server = { url: given.endpoint, region: "us-east-1", auth };
// The link that signs knows nothing of the extensions by which HttpLink tells of Apollo, in the body that is signed.
const http = new HttpLink({ uri: server.url, enhancedClientAwareness: { transport: false } });
const client = new ApolloClient({
  link: ApolloLink.from([createAuthLink(server), createSubscriptionHandshakeLink(server, http)]),
  cache: new InMemoryCache(),
});

const { variables } = given;
const document = gql(given.document);

const answered = ({ data, error }) => (error ? rejected(error) : tell({ data }));
const rejected = ({ message, statusCode, cause }) => tell({ rejected: { message, statusCode, cause } });

switch (document.definitions[0].operation) {
  case "query":
    await client.query({ query: document, variables }).then(answered, rejected);
    break;
  case "mutation":
    await client.mutate({ mutation: document, variables }).then(answered, rejected);
    break;
  case "subscription": {
    const subscription = client.subscribe({ query: document, variables }).subscribe({ next: answered, error: rejected });
    await heardEnough();
    subscription.unsubscribe();
    process.exit(); // A timer of the link's own would keep us for 15 s.
  }
}
