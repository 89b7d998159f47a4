/** Selects the days: the last N days with readings, or a range. */

import { DayRange } from "../components/DayRange";
import { addDays, dayBefore } from "../components/format";
import { SegmentedControl } from "./SegmentedControl";
import { LAST_DAYS, type Span, useSelection } from "./selection";

const OPTIONS = LAST_DAYS.map((value) => ({ value, label: value === 365 ? "Year" : `${value} days` }));

export function SpanFields({ shown }: { shown: Span | undefined }) {
  const { span, select } = useSelection();
  return (
    <>
      <SegmentedControl
        label="Last days with readings"
        options={OPTIONS}
        value={typeof span === "number" ? span : null}
        onChange={(days) => select({ span: days })}
      />
      <DayRange
        first={shown?.from ?? null}
        last={shown ? dayBefore(shown.until) : null}
        onChange={({ first, last }) =>
          first && last && select({ span: { from: first, until: addDays(last, 1) } }, { replace: true })
        }
      />
    </>
  );
}
