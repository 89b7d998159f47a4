// An app with the graphql-sse client, which sends every operation as a POST whose response is a stream of server-sent
// events. Sends one operation and prints its results.
import { createClient } from "graphql-sse";

import { options, print, stopRequested } from "./app.js";

const client = createClient({ url: options.endpoint, headers: { "x-api-key": options.apiKey }, retryAttempts: 0 });

const ended = new Promise((end) => {
  client.subscribe(
    { query: options.document, variables: options.variables },
    {
      next: print,
      error: ({ message, response }) => end(print({ rejected: { message, status: response?.status } })),
      complete: () => end(print("complete")),
    },
  );
});
await Promise.race([ended, stopRequested()]);
client.dispose();
