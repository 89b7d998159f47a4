// An app that sends everything as a POST answered by server-sent events: one operation, and tells what it is answered.
import { createClient } from "graphql-sse";

import { given, heardEnough, tell } from "./app.js";

const client = createClient({ url: given.endpoint, headers: { "x-api-key": given.apiKey }, retryAttempts: 0 });

const ended = new Promise((end) => {
  client.subscribe(
    { query: given.document, variables: given.variables },
    {
      next: tell,
      error: ({ message, response }) => end(tell({ rejected: { message, status: response?.status } })),
      complete: () => end(tell("complete")),
    },
  );
});
await Promise.race([ended, heardEnough()]);
client.dispose();
