// PostGraphile over the views of postgraphile.sql; tells on standard output where it is called.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const server = createServer();
const built = postgraphile({
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({
      connectionString: process.env.VPP_DATABASE_URL,
      schemas: ["api"],
      poolConfig: { max: Number(process.env.POOL_SIZE) },
    }),
  ],
  schema: { defaultBehavior: "list -connection" },
  grafserv: { graphiql: false, watch: false },
});
await built.createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
