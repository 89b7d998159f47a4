import type { ReactNode } from "react";

import { formatPeriod, today } from "./format";
import "./timeline.css";

export interface Period {
  key: string;
  effectiveFrom: string | null;
  effectiveUntil: string | null;
  content: ReactNode;
}

/** Lays out what held when, latest first, and marks what holds today. Days are settlement dates. */
export function Timeline({ label, periods }: { label: string; periods: Period[] }) {
  const now = today();
  return (
    <ol className="timeline" aria-label={label}>
      {periods.toReversed().map(({ key, effectiveFrom, effectiveUntil, content }) => {
        const isAhead = effectiveFrom !== null && effectiveFrom > now;
        const isNow = !isAhead && (effectiveUntil === null || effectiveUntil > now);
        return (
          <li key={key} data-now={isNow || undefined}>
            <div className="row" style={{ "--gap": "0.5rem" }}>
              <span className="soft small">{formatPeriod(effectiveFrom, effectiveUntil)}</span>
              {isNow && <span className="tag accent">today</span>}
              {isAhead && <span className="tag">to come</span>}
            </div>
            <div>{content}</div>
          </li>
        );
      })}
    </ol>
  );
}
