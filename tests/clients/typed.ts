// An Amplify app that uses the types which AppSync's code generator makes from our schema. Each @ts-expect-error marks
// a misuse that must not compile.
import { generateClient } from "aws-amplify/api";

import { createVpp } from "./mutations";
import { getVpp } from "./queries";
import { onImportProgress } from "./subscriptions";

const client = generateClient();

const { data } = await client.graphql({ query: getVpp, variables: { id: "1" } });
export const percentage: number | undefined = data.getVpp?.revenuePercentage;
// @ts-expect-error getVpp returns null if there is no VPP with the id.
data.getVpp.name;
// @ts-expect-error A VPP has no field `motto`.
data.getVpp?.motto;
// @ts-expect-error The variable `id` is required.
await client.graphql({ query: getVpp, variables: {} });

const created = await client.graphql({
  query: createVpp,
  variables: { input: { name: "VPP One", revenuePercentage: 20 } },
});
export const id: string | undefined = created.data.createVpp?.id;
await client.graphql({
  query: createVpp,
  // @ts-expect-error A percentage is a number.
  variables: { input: { name: "VPP One", revenuePercentage: "20" } },
});

client.graphql({ query: onImportProgress, variables: { id: "1" } }).subscribe({
  next: ({ data }) => {
    const percent: number | null | undefined = data.onImportProgress?.percentComplete;
    // @ts-expect-error The enum ImportStatus has no value DONE.
    const isDone: boolean = data.onImportProgress?.status === "DONE";
    return [percent, isDone];
  },
});
