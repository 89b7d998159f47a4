import { X } from "lucide-react";
import { Button } from "react-aria-components";

import { counted } from "../components/format";
import { type Event, events, useRun } from "./eventLog";

const time = new Intl.DateTimeFormat("en-AU", { timeStyle: "medium" });

/** What a subscription told, each with its time; latest first. */
export function Events() {
  const run = useRun();
  if (!run) return null;
  const told = run.events[0]?.number ?? 0;
  return (
    <section className="graphiql-events" aria-label="Events">
      <div className="row apart">
        <h2>
          {run.name || "Subscription"}{" "}
          <span className={run.isLive ? "tag good" : "tag"}>{run.isLive ? "live" : "ended"}</span>{" "}
          <span className="soft small">{counted(told, "event")}</span>
        </h2>
        <Button
          className="button quiet icon"
          aria-label={run.isLive ? "End the subscription" : "Close the events"}
          onPress={() => events.forget()}
        >
          <X size={16} aria-hidden />
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls by the keyboard. */}
      <ol tabIndex={0} aria-label="Latest first">
        {run.events.map((event) => (
          <Told key={event.number} event={event} />
        ))}
      </ol>
    </section>
  );
}

function Told({ event: { at, answer } }: { event: Event }) {
  const { data } = answer as { data?: Record<string, unknown> };
  // What the one field of the subscription holds; or what was told in its place.
  const text = JSON.stringify(data ? Object.values(data)[0] : answer);
  return (
    <li>
      <details>
        <summary>
          <time dateTime={at.toISOString()}>{time.format(at)}</time> <code>{text}</code>
        </summary>
        <pre>{JSON.stringify(answer, null, 2)}</pre>
      </details>
    </li>
  );
}
