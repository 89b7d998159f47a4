// An app of Amplify's: sends one operation, and tells what it is answered; a subscription, until it has heard enough.
import { Amplify } from "aws-amplify";
import { generateClient } from "aws-amplify/api";

import { given, heardEnough, tell } from "./app.js";

// With an access key it signs its requests; the clock it signs by may be wrong.
const { accessKey, slowByMs } = given;
const credentialsProvider = {
  getCredentialsAndIdentityId: async () => accessKey && { credentials: accessKey },
  clearCredentialsAndIdentityId: () => {},
};
if (slowByMs) {
  const now = Date.now;
  Date.now = () => now() - slowByMs;
}
Amplify.configure(given.configuration, { Auth: { credentialsProvider } });
const operation = generateClient().graphql({ query: given.document, variables: given.variables });

// Errors are the server's own, or Amplify's about the way there.
const seen = (error) => (error.originalError ? { message: error.message, name: error.originalError.name } : error);
const rejected = ({ data, errors }) => tell({ rejected: { data, errors: errors.map(seen) } });

if (operation instanceof Promise) {
  await operation.then(tell, rejected);
} else {
  const subscription = operation.subscribe({ next: tell, error: rejected });
  await heardEnough();
  subscription.unsubscribe();
  process.exit(); // A timer of Amplify's own would keep us for 15 s.
}
