// An app that sends everything over a WebSocket as graphql-transport-ws: one operation, and tells what it is answered.
import { createClient } from "graphql-ws";

import { given, heardEnough, tell } from "./app.js";

const client = createClient({
  url: given.endpoint.replace("http", "ws"),
  connectionParams: { "x-api-key": given.apiKey },
  retryAttempts: 0,
});

// A refused operation has errors; a socket that was closed, a code and a reason.
const seen = (refusal) =>
  Array.isArray(refusal) ? refusal.map(({ message }) => message) : { code: refusal.code, reason: refusal.reason };

const ended = new Promise((end) => {
  client.subscribe(
    { query: given.document, variables: given.variables },
    {
      next: tell,
      error: (refusal) => end(tell({ rejected: seen(refusal) })),
      complete: () => end(tell("complete")),
    },
  );
});
await Promise.race([ended, heardEnough()]);
await client.dispose();
