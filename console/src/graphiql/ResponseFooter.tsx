/** What stands below an answer: what it cost, its lists as tables, and what a subscription told and when. */

import { pick, useGraphiQL } from "@graphiql/react";
import { Download } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { downloadCsv } from "../components/downloads";
import { ChoiceOf } from "../components/fields";
import { count } from "../components/format";
import { ListTable } from "./ListTable";
import { type List, listsOf } from "./responseLists";
import { Events } from "./SubscriptionEvents";

interface Told {
  data?: unknown;
  errors?: { errorInfo?: { limit?: string } & Partial<Cost> }[];
  extensions?: { cost?: Cost };
}

interface Cost {
  requested: number;
  maximum: number;
}

export function Answer() {
  const { tabs, activeTabIndex } = useGraphiQL(pick("tabs", "activeTabIndex"));
  const tab = tabs[activeTabIndex];
  const told = useMemo(() => parsed(tab?.response ?? ""), [tab?.response]);
  const lists = useMemo(() => listsOf(told.data), [told]);
  const [isTable, setIsTable] = useState(false);
  const [path, setPath] = useState("");
  const list = lists.find((each) => each.path === path) ?? lists[0];
  const isShown = isTable && list !== undefined;

  useEffect(() => {
    if (!list) setIsTable(false);
  }, [list]);

  return (
    <>
      {isShown && <ListTable key={list.path} list={list} />}
      <Events />
      <div className="graphiql-answer row apart small">
        <div className="row">
          <ToggleButtonGroup
            aria-label="Show the answer as"
            className="graphiql-view"
            disallowEmptySelection
            selectedKeys={[isShown ? "table" : "json"]}
            onSelectionChange={(keys) => setIsTable(keys.has("table"))}
          >
            <ToggleButton id="json">JSON</ToggleButton>
            <ToggleButton id="table" isDisabled={!list}>
              Table
            </ToggleButton>
          </ToggleButtonGroup>
          {isShown && lists.length > 1 && (
            <ChoiceOf
              label="List"
              options={lists.map(({ path, rows }) => ({ value: path, label: `${path} (${count(rows.length)})` }))}
              value={list.path}
              onChange={setPath}
            />
          )}
          {isShown && (
            <Button className="button" onPress={() => download(list, tab?.title ?? "")}>
              <Download size={16} aria-hidden />
              CSV
            </Button>
          )}
        </div>
        <CostOf told={told} />
      </div>
    </>
  );
}

/** What is counted of an operation before it runs. Answers say nothing of how many more a caller may make in a minute. */
function CostOf({ told }: { told: Told }) {
  const refused = told.errors?.find(({ errorInfo }) => errorInfo?.limit === "cost")?.errorInfo as Cost | undefined;
  const cost = told.extensions?.cost ?? refused;
  if (!cost) return null;
  const { requested, maximum } = cost;
  const isOver = requested > maximum;
  return (
    <p className={isOver ? "bad" : ""}>
      Cost {count(requested)} of {count(maximum)}
      <span className={isOver ? "" : "soft"}>
        {isOver ? `, ${count(requested - maximum)} too many` : `, ${count(maximum - requested)} remain`}
      </span>
    </p>
  );
}

function download(list: List, title: string): void {
  const rows = list.rows.map((row) => list.columns.map((column) => String(row[column] ?? "")));
  downloadCsv(`${title} ${list.path}.csv`, list.columns, rows);
}

/** A subscription's answer that is on its way, or a failure's text, is none. */
function parsed(response: string): Told {
  try {
    return JSON.parse(response) as Told;
  } catch {
    return {};
  }
}
