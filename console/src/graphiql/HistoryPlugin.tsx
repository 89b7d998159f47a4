import { HistoryIcon } from "@graphiql/react";
import { Trash2 } from "lucide-react";
import { Button } from "react-aria-components";

import { formatMoment } from "../components/format";
import { useOpenTab } from "./openTab";
import { history, useHistory } from "./operationHistory";

/** GraphiQL's pane of operations that were run; each opens in a tab. */
export const HISTORY = { title: "History", icon: HistoryIcon, content: History };

function History() {
  const operations = useHistory();
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
        {operations.length === 0 ? "What you run is listed here. It is kept" : "Kept"} in this browser with its
        variables, and without headers or keys.
      </p>
      <ol>
        {operations.map((ran) => (
          <li key={ran.at} className="row">
            <button type="button" onClick={() => openTab(ran.query, ran.variables)}>
              <strong>{ran.name}</strong>
              <span className="soft small">{formatMoment(ran.at)}</span>
              {ran.variables && <code className="soft">{ran.variables.replaceAll(/\s+/g, " ")}</code>}
            </button>
            <Button
              className="button quiet icon"
              aria-label={`Remove ${ran.name} from the history`}
              onPress={() => history.remove(ran)}
            >
              <Trash2 size={16} aria-hidden />
            </Button>
          </li>
        ))}
      </ol>
    </section>
  );
}
