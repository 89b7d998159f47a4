import type { ReactNode } from "react";

import { formatPeriod, today } from "./format";
import "./timeline.css";

export interface Period {
  key: string;
  effectiveFrom: string | null;
  effectiveUntil: string | null;
  content: ReactNode;
}

/** Lists periods, latest first, and marks the current one. Days are settlement dates. */
export function Timeline({ label, periods }: { label: string; periods: Period[] }) {
  const now = today();
  return (
    <ol className="timeline" aria-label={label}>
      {periods.toReversed().map(({ key, effectiveFrom, effectiveUntil, content }) => {
        const isFuture = effectiveFrom !== null && effectiveFrom > now;
        const isCurrent = !isFuture && (effectiveUntil === null || effectiveUntil > now);
        return (
          <li key={key} data-now={isCurrent || undefined}>
            <div className="row" style={{ "--gap": "0.5rem" }}>
              <span className="soft small">{formatPeriod(effectiveFrom, effectiveUntil)}</span>
              {isCurrent && <span className="tag accent">today</span>}
              {isFuture && <span className="tag">future</span>}
            </div>
            <div>{content}</div>
          </li>
        );
      })}
    </ol>
  );
}
