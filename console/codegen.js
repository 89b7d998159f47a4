/** Writes src/schema.ts out of schema.graphql: the console's operations, typed, and the inputs and enums they speak of. */

import { globSync, readFileSync, writeFileSync } from "node:fs";

import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const AS_TEXT = { input: "string", output: "string" };
const scalars = { AWSDate: AS_TEXT, AWSDateTime: AS_TEXT, AWSJSON: AS_TEXT, AWSURL: AS_TEXT, ID: AS_TEXT };
// What AppSync knows by itself, and the contract therefore does not define.
const appSync = `
  scalar AWSDate scalar AWSDateTime scalar AWSJSON scalar AWSURL
  directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
`;

const schema = parse(appSync + readFileSync("../schema.graphql", "utf8"));
const documents = globSync("src/**/*.graphql", { exclude: ["src/graphiql/**"] })
  .sort()
  .map((location) => ({ location, document: parse(readFileSync(location, "utf8")) }));

const written = await codegen({
  filename: "src/schema.ts",
  schema,
  documents,
  config: { scalars, enumsAsTypes: true, skipTypename: true, useTypeImports: true, avoidOptionals: { field: true } },
  plugins: [{ operations: {} }, { documents: {} }],
  pluginMap: { operations: typescriptOperations, documents: typedDocumentNode },
});
writeFileSync("src/schema.ts", written);
