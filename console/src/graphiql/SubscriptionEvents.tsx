import { X } from "lucide-react";
import { Button } from "react-aria-components";

import { formatCount } from "../components/format";
import { type Event, eventLog, useSubscriptionRun } from "./eventLog";

const timeFormat = new Intl.DateTimeFormat("en-AU", { timeStyle: "medium" });

/** The events of the latest subscription with their times, latest first. */
export function SubscriptionEvents() {
  const run = useSubscriptionRun();
  if (!run) return null;
  const eventCount = run.events[0]?.number ?? 0;
  return (
    <section className="graphiql-events" aria-label="Events">
      <div className="row apart">
        <h2>
          {run.name || "Subscription"}{" "}
          <span className={run.isLive ? "tag good" : "tag"}>{run.isLive ? "live" : "ended"}</span>{" "}
          <span className="soft small">{formatCount(eventCount, "event")}</span>
        </h2>
        <Button
          className="button quiet icon"
          aria-label={run.isLive ? "End the subscription" : "Close the events"}
          onPress={() => eventLog.clear()}
        >
          <X size={16} aria-hidden />
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: focusable, so that the arrow keys scroll it. */}
      <ol tabIndex={0} aria-label="Latest first">
        {run.events.map((event) => (
          <EventItem key={event.number} event={event} />
        ))}
      </ol>
    </section>
  );
}

function EventItem({ event: { at, result } }: { event: Event }) {
  const { data } = result as { data?: Record<string, unknown> };
  // A subscription has one root field: show its value, or the whole result if there is no data.
  const text = JSON.stringify(data ? Object.values(data)[0] : result);
  return (
    <li>
      <details>
        <summary>
          <time dateTime={at.toISOString()}>{timeFormat.format(at)}</time> <code>{text}</code>
        </summary>
        <pre>{JSON.stringify(result, null, 2)}</pre>
      </details>
    </li>
  );
}
