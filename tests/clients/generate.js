// Runs AppSync's code generator on a schema file, and prints the generated files as one JSON object: contents by name.
import { readFile } from "node:fs/promises";

import generator from "@aws-amplify/graphql-generator";

const schema = await readFile(process.argv[2], "utf8");

const statements = generator.generateStatements({ schema, target: "graphql" });
const typed = generator.generateStatements({ schema, target: "typescript", relativeTypesPath: "./API" });
const types = await generator.generateTypes({
  schema,
  target: "typescript",
  queries: Object.values(statements).join("\n"),
});

console.log(JSON.stringify({ ...statements, ...typed, ...types }));
