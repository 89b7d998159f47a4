/** Example operations. Their variables are filled with objects that the caller can see. */

import type { Client } from "urql";

import { addMonths, thisMonth } from "../components/format";
import dailyStats from "./examples/daily-stats.graphql?raw";
import importInSteps from "./examples/import.graphql?raw";
import keys from "./examples/keys.graphql?raw";
import progress from "./examples/progress.graphql?raw";
import report from "./examples/report.graphql?raw";
import simulation from "./examples/simulation.graphql?raw";
import site from "./examples/site.graphql?raw";
import terms from "./examples/terms.graphql?raw";

interface Example {
  title: string;
  query: string;
  variables: (loadExampleIds: ExampleIds) => object;
}

export const EXAMPLES: Example[] = [
  { title: "VPPs and their terms", query: terms, variables: () => ({ limit: 50 }) },
  { title: "A site with its batteries", query: site, variables: ({ nmi }) => ({ nmi }) },
  {
    title: "An import in three steps",
    query: importInSteps,
    variables: () => {
      const id = crypto.randomUUID();
      return { input: { id, kind: "BATTERY_EVENTS", fileName: "events.csv" }, id };
    },
  },
  { title: "An import's progress", query: progress, variables: ({ importId }) => ({ id: importId }) },
  {
    title: "A report with its line items",
    query: report,
    variables: ({ vppId, month }) => ({ vppId, month, limit: 200 }),
  },
  {
    title: "A month with other terms",
    query: simulation,
    variables: ({ vppId, month }) => ({ input: { vppId, month, revenuePercentage: 15, dailyFeeAud: 0.25 } }),
  },
  {
    title: "Parks by day",
    query: dailyStats,
    variables: ({ parkName }) => ({ filter: parkName ? { parkNames: [parkName] } : {}, limit: 200 }),
  },
  {
    title: "API keys",
    query: keys,
    variables: () => ({ limit: 50, input: { name: "Read only", role: "READER" } }),
  },
];

/** The first object of each kind; empty if the caller can see none. */
interface ExampleIds {
  vppId: string;
  month: string;
  nmi: string;
  importId: string;
  parkName: string;
}

export async function present(client: Client): Promise<ExampleIds> {
  const first = async (list: string, field: string): Promise<string | undefined> => {
    const { data } = await client.query(`{ ${list} { items { ${field} } } }`, {}).toPromise();
    return Object.values<{ items: Record<string, string>[] }>(data ?? {})[0]?.items[0]?.[field];
  };
  const [reportOf, month, vppId, nmi, importId, parkName] = await Promise.all([
    first("listRevenueReports(limit: 1)", "vppId"),
    first("listRevenueReports(limit: 1)", "month"),
    first("listVpps(limit: 1)", "id"),
    first("listSites(limit: 1)", "nmi"),
    first("listImports(limit: 1)", "id"),
    first("listParks(limit: 1)", "name"),
  ]);
  return {
    vppId: reportOf ?? vppId ?? "",
    month: month ?? addMonths(thisMonth(), -1),
    nmi: nmi ?? "",
    importId: importId ?? "",
    parkName: parkName ?? "",
  };
}
