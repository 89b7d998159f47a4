// An app with the graphql-ws client, which sends every operation over a WebSocket by the graphql-transport-ws protocol.
// Sends one operation and prints its results.
import { createClient } from "graphql-ws";

import { options, print, stopRequested } from "./app.js";

const client = createClient({
  url: options.endpoint.replace("http", "ws"),
  connectionParams: { "x-api-key": options.apiKey },
  retryAttempts: 0,
});

// A rejected operation gives an array of errors; a socket that the server closed gives a close event.
const describe = (rejection) =>
  Array.isArray(rejection)
    ? rejection.map(({ message }) => message)
    : { code: rejection.code, reason: rejection.reason };

const ended = new Promise((end) => {
  client.subscribe(
    { query: options.document, variables: options.variables },
    {
      next: print,
      error: (rejection) => end(print({ rejected: describe(rejection) })),
      complete: () => end(print("complete")),
    },
  );
});
await Promise.race([ended, stopRequested()]);
await client.dispose();
