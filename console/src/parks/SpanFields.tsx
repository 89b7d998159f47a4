/** The days that are shown: the last ones that have readings, or those from one day to another. */

import { DayRange } from "../components/DayRange";
import { dayBefore, daysOn } from "../components/format";
import { Segments } from "./SegmentedControl";
import { LAST_DAYS, type Span, useChoice } from "./selection";

const OPTIONS = LAST_DAYS.map((value) => ({ value, label: value === 365 ? "Year" : `${value} days` }));

export function SpanFields({ shown }: { shown: Span | undefined }) {
  const { span, choose } = useChoice();
  return (
    <>
      <Segments
        label="Last days with readings"
        options={OPTIONS}
        value={typeof span === "number" ? span : null}
        onChange={(days) => choose({ span: days })}
      />
      <DayRange
        first={shown?.from ?? null}
        last={shown ? dayBefore(shown.until) : null}
        onChange={({ first, last }) =>
          first && last && choose({ span: { from: first, until: daysOn(last, 1) } }, { replace: true })
        }
      />
    </>
  );
}
