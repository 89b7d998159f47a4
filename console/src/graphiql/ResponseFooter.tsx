/** Below the response: its cost, its lists as tables, and the events of a subscription. */

import { pick, useGraphiQL } from "@graphiql/react";
import { Download } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";

import { downloadCsv } from "../components/downloads";
import { SelectField } from "../components/fields";
import { formatInteger } from "../components/format";
import { ListTable } from "./ListTable";
import { findLists, type ResponseList } from "./responseLists";
import { SubscriptionEvents } from "./SubscriptionEvents";

interface ResponseBody {
  data?: unknown;
  errors?: { errorInfo?: { limit?: string } & Partial<Cost> }[];
  extensions?: { cost?: Cost };
}

interface Cost {
  requested: number;
  maximum: number;
}

export function ResponseFooter() {
  const { tabs, activeTabIndex } = useGraphiQL(pick("tabs", "activeTabIndex"));
  const tab = tabs[activeTabIndex];
  const response = useMemo(() => parseResponse(tab?.response ?? ""), [tab?.response]);
  const lists = useMemo(() => findLists(response.data), [response]);
  const [isTableSelected, setIsTableSelected] = useState(false);
  const [path, setPath] = useState("");
  const list = lists.find((candidate) => candidate.path === path) ?? lists[0];
  const showsTable = isTableSelected && list !== undefined;

  useEffect(() => {
    if (!list) setIsTableSelected(false);
  }, [list]);

  return (
    <>
      {showsTable && <ListTable key={list.path} list={list} />}
      <SubscriptionEvents />
      <div className="graphiql-response-bar row apart small">
        <div className="row">
          <ToggleButtonGroup
            aria-label="Show the response as"
            className="graphiql-view"
            disallowEmptySelection
            selectedKeys={[showsTable ? "table" : "json"]}
            onSelectionChange={(keys) => setIsTableSelected(keys.has("table"))}
          >
            <ToggleButton id="json">JSON</ToggleButton>
            <ToggleButton id="table" isDisabled={!list}>
              Table
            </ToggleButton>
          </ToggleButtonGroup>
          {showsTable && lists.length > 1 && (
            <SelectField
              label="List"
              options={lists.map(({ path, rows }) => ({
                value: path,
                label: `${path} (${formatInteger(rows.length)})`,
              }))}
              value={list.path}
              onChange={setPath}
            />
          )}
          {showsTable && (
            <Button className="button" onPress={() => download(list, tab?.title ?? "")}>
              <Download size={16} aria-hidden />
              CSV
            </Button>
          )}
        </div>
        <CostLabel response={response} />
      </div>
    </>
  );
}

/** The operation's cost, calculated before it runs. Responses do not contain the caller's remaining rate limit. */
function CostLabel({ response }: { response: ResponseBody }) {
  const rejectedCost = response.errors?.find(({ errorInfo }) => errorInfo?.limit === "cost")?.errorInfo as
    | Cost
    | undefined;
  const cost = response.extensions?.cost ?? rejectedCost;
  if (!cost) return null;
  const { requested, maximum } = cost;
  const isOver = requested > maximum;
  return (
    <p className={isOver ? "bad" : ""}>
      Cost {formatInteger(requested)} of {formatInteger(maximum)}
      <span className={isOver ? "" : "soft"}>
        {isOver ? `, ${formatInteger(requested - maximum)} too many` : `, ${formatInteger(maximum - requested)} remain`}
      </span>
    </p>
  );
}

function download(list: ResponseList, title: string): void {
  const rows = list.rows.map((row) => list.columns.map((column) => String(row[column] ?? "")));
  downloadCsv(`${title} ${list.path}.csv`, list.columns, rows);
}

/** Parses the response pane's text. It is not JSON while a subscription is starting, or if the request failed. */
function parseResponse(response: string): ResponseBody {
  try {
    return JSON.parse(response) as ResponseBody;
  } catch {
    return {};
  }
}
