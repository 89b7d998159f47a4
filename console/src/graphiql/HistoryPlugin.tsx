import { HistoryIcon } from "@graphiql/react";
import { Trash2 } from "lucide-react";
import { Button } from "react-aria-components";

import { formatDateTime } from "../components/format";
import { useOpenTab } from "./openTab";
import { history, useOperationHistory } from "./operationHistory";

/** A GraphiQL plugin: a pane of operations run before. Selecting one opens it in a tab. */
export const HISTORY_PLUGIN = { title: "History", icon: HistoryIcon, content: HistoryPanel };

function HistoryPanel() {
  const operations = useOperationHistory();
  const openTab = useOpenTab();
  return (
    <section className="graphiql-history stack" aria-label="History">
      <div className="row apart">
        <h2>History</h2>
        {operations.length > 0 && (
          <Button className="button quiet" onPress={() => history.clear()}>
            Clear
          </Button>
        )}
      </div>
      <p className="soft small">
        {operations.length === 0 && "Operations that you run are listed here. "}
        Stored in this browser with their variables, but without headers and API keys.
      </p>
      <ol>
        {operations.map((operation) => (
          <li key={operation.at} className="row">
            <button type="button" onClick={() => openTab(operation.query, operation.variables)}>
              <strong>{operation.name}</strong>
              <span className="soft small">{formatDateTime(operation.at)}</span>
              {operation.variables && <code className="soft">{operation.variables.replaceAll(/\s+/g, " ")}</code>}
            </button>
            <Button
              className="button quiet icon"
              aria-label={`Remove ${operation.name} from the history`}
              onPress={() => history.remove(operation)}
            >
              <Trash2 size={16} aria-hidden />
            </Button>
          </li>
        ))}
      </ol>
    </section>
  );
}
