// An Amplify app: sends one operation and prints its result, or the results of a subscription until it has to stop.
import { Amplify } from "aws-amplify";
import { generateClient } from "aws-amplify/api";

import { options, print, stopRequested } from "./app.js";

// With an access key Amplify signs its requests. `slowByMs` sets back the clock that it uses for signatures.
const { accessKey, slowByMs } = options;
const credentialsProvider = {
  getCredentialsAndIdentityId: async () => accessKey && { credentials: accessKey },
  clearCredentialsAndIdentityId: () => {},
};
if (slowByMs) {
  const now = Date.now;
  Date.now = () => now() - slowByMs;
}
Amplify.configure(options.configuration, { Auth: { credentialsProvider } });
const operation = generateClient().graphql({ query: options.document, variables: options.variables });

// An error is either the server's own or Amplify's, about the transport. Amplify's error wraps an `originalError`.
const describe = (error) => (error.originalError ? { message: error.message, name: error.originalError.name } : error);
const printRejection = ({ data, errors }) => print({ rejected: { data, errors: errors.map(describe) } });

if (operation instanceof Promise) {
  await operation.then(print, printRejection);
} else {
  const subscription = operation.subscribe({ next: print, error: printRejection });
  await stopRequested();
  subscription.unsubscribe();
  process.exit(); // A timer in Amplify would keep the process alive for 15 s.
}
