// PostGraphile on the views of postgraphile.sql. Prints its URL once it listens.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const server = createServer();
const instance = postgraphile({
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
await instance.createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/graphql`));
