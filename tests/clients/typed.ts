// What an app of Amplify's may write once our schema was put through AppSync's code generator, and what it may not.
import { generateClient } from "aws-amplify/api";

import { createVpp } from "./mutations";
import { getVpp } from "./queries";
import { onImportProgress } from "./subscriptions";

const client = generateClient();

const { data } = await client.graphql({ query: getVpp, variables: { id: "1" } });
export const percentage: number | undefined = data.getVpp?.revenuePercentage;
// @ts-expect-error There may be no such VPP.
data.getVpp.name;
// @ts-expect-error A VPP has no such field.
data.getVpp?.motto;
// @ts-expect-error The id may not be left out.
await client.graphql({ query: getVpp, variables: {} });

const created = await client.graphql({
  query: createVpp,
  variables: { input: { name: "VPP One", revenuePercentage: 20 } },
});
export const id: string | undefined = created.data.createVpp?.id;
await client.graphql({
  query: createVpp,
  // @ts-expect-error A rate is a number.
  variables: { input: { name: "VPP One", revenuePercentage: "20" } },
});

client.graphql({ query: onImportProgress, variables: { id: "1" } }).subscribe({
  next: ({ data }) => {
    const percent: number | null | undefined = data.onImportProgress?.percentComplete;
    // @ts-expect-error A status is one of those the schema names.
    const isDone: boolean = data.onImportProgress?.status === "DONE";
    return [percent, isDone];
  },
});
