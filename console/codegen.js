/** Generates src/schema.ts from schema.graphql: typed documents of the operations, with their inputs and enums. */

import { globSync, readFileSync, writeFileSync } from "node:fs";

import { codegen } from "@graphql-codegen/core";
import * as typedDocumentNode from "@graphql-codegen/typed-document-node";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const AS_STRING = { input: "string", output: "string" };
const scalars = { AWSDate: AS_STRING, AWSDateTime: AS_STRING, AWSJSON: AS_STRING, AWSURL: AS_STRING, ID: AS_STRING };
// AppSync's built-in scalars and directives, which schema.graphql does not define.
const appSync = `
  scalar AWSDate scalar AWSDateTime scalar AWSJSON scalar AWSURL
  directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
`;

const schema = parse(appSync + readFileSync("../schema.graphql", "utf8"));
const documents = globSync("src/**/*.graphql", { exclude: ["src/graphiql/**"] })
  .sort()
  .map((location) => ({ location, document: parse(readFileSync(location, "utf8")) }));

const source = await codegen({
  filename: "src/schema.ts",
  schema,
  documents,
  config: { scalars, enumsAsTypes: true, skipTypename: true, useTypeImports: true, avoidOptionals: { field: true } },
  plugins: [{ operations: {} }, { documents: {} }],
  pluginMap: { operations: typescriptOperations, documents: typedDocumentNode },
});
writeFileSync("src/schema.ts", source);
