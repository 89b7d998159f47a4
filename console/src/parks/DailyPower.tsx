/** Daily power of the selected parks, or of all parks by energy type: charts and a table of all days. */

import { type ReactNode, useMemo } from "react";

import { formatDay, formatPeriod } from "../components/format";
import { type PaginatedList, usePaginatedList } from "../components/paginatedList";
import { SelectedItems } from "../components/SelectedItems";
import { Empty, Failure, Loading } from "../components/states";
import { ListEnergyTypeDailyStatsDocument, ListParkDailyStatsDocument } from "../schema";
import { useHasRole } from "../session/session";
import { DailyStatsView } from "./DailyStatsView";
import { compareDays, type DayStats, fromEnergyTypeDay, fromParkDay, type Park } from "./dayStats";
import { useLastDayWithReadings } from "./lastDayWithReadings";
import { SegmentedControl } from "./SegmentedControl";
import { SpanFields } from "./SpanFields";
import { type GroupBy, MAX_PARKS, resolveSpan, type Span, useSelection } from "./selection";

const GROUP_OPTIONS: { value: GroupBy; label: string }[] = [
  { value: "type", label: "Energy type" },
  { value: "park", label: "Park" },
];

interface QueryProps {
  parkNames: string[];
  span: Span;
  lastDay: string;
}

export function DailyPower({ parks }: { parks: readonly Park[] }) {
  const { parks: parkParams, by, span, select, selectParks } = useSelection();
  const mayChange = useHasRole("OPERATOR");
  const chosen = parks.filter(({ name }) => parkParams.includes(name));
  const unknownNames = parkParams.filter((name) => !chosen.some((park) => park.name === name));
  const parkNames = chosen.map(({ name }) => name);
  const last = useLastDayWithReadings(parkNames);
  const shown = last.day ? resolveSpan(span, last.day) : typeof span === "object" ? span : undefined;

  return (
    <section className="stack" aria-labelledby="daily-power">
      <div>
        <h2 id="daily-power">Daily power</h2>
        <p className="soft small">
          {shown ? `${formatPeriod(shown.from, shown.until)}: each` : "Each"} park's local days, from midnight to
          midnight. Power is in MW, and negative where a park drew power.
        </p>
      </div>
      <div className="row filters">
        <SegmentedControl label="By" options={GROUP_OPTIONS} value={by} onChange={(chosen) => select({ by: chosen })} />
        <SpanFields shown={shown} />
      </div>
      {parkParams.length > 0 && (
        <div className="row">
          <SelectedItems
            label="Parks shown"
            items={parkParams.map((name) => ({ id: name, name }))}
            onRemove={(name) => selectParks((current) => current.filter((other) => other !== name))}
          />
          {parkParams.length === MAX_PARKS && (
            <span className="soft small">At most {MAX_PARKS} parks are shown. Remove one to show another.</span>
          )}
        </div>
      )}
      {unknownNames.map((name) => (
        <p key={name} className="notice warn">
          There is no park named {name}.
        </p>
      ))}
      {last.error ? (
        <Failure error={last.error} retry={last.retry} />
      ) : by === "park" && parkNames.length === 0 ? (
        <Empty title="No park is selected">
          <p>Select up to {MAX_PARKS} in the list above.</p>
        </Empty>
      ) : last.day === null ? (
        <Empty title={parkNames.length > 0 ? "There are no readings of these parks yet" : "There are no readings yet"}>
          {mayChange && <p>Import one file of readings for each park, with the columns datetime and MW.</p>}
        </Empty>
      ) : last.day === undefined || shown === undefined ? (
        <LoadingDays />
      ) : by === "park" ? (
        <ParkResults parkNames={parkNames} span={shown} lastDay={last.day} />
      ) : (
        <EnergyTypeResults
          parks={chosen.length > 0 ? chosen : parks}
          parkNames={parkNames}
          span={shown}
          lastDay={last.day}
        />
      )}
    </section>
  );
}

function ParkResults({ parkNames, span, lastDay }: QueryProps) {
  const filter = { ...span, parkNames };
  const days = usePaginatedList(ListParkDailyStatsDocument, { filter, limit: 200 }, (data) => data.listParkDailyStats, {
    loadAll: true,
  });
  const shown = useMemo(() => days.items.map(fromParkDay).sort(compareDays), [days.items]);
  return <Results pages={days} days={shown} by="park" span={span} lastDay={lastDay} />;
}

function EnergyTypeResults({ parks, parkNames, span, lastDay }: QueryProps & { parks: readonly Park[] }) {
  const filter = { ...span, ...(parkNames.length > 0 ? { parkNames } : {}) };
  const days = usePaginatedList(
    ListEnergyTypeDailyStatsDocument,
    { filter, limit: 200 },
    (data) => data.listEnergyTypeDailyStats,
    { loadAll: true },
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: `parks` is a new array each time; its ids identify it.
  const shown = useMemo(
    () => days.items.map((day) => fromEnergyTypeDay(day, parks)),
    [days.items, parks.map(({ id }) => id).join()],
  );
  return <Results pages={days} days={shown} by="type" span={span} lastDay={lastDay} />;
}

function Results({
  pages,
  days,
  by,
  span,
  lastDay,
}: {
  pages: PaginatedList<unknown>;
  days: DayStats[];
  by: GroupBy;
  span: Span;
  lastDay: string;
}): ReactNode {
  if (pages.error) return <Failure error={pages.error} retry={pages.reload} />;
  if (pages.isLoadingFirstPage) return <LoadingDays />;
  if (days.length === 0) {
    return (
      <Empty title="There are no readings on these days">
        <p>The last day with readings is {formatDay(lastDay)}.</p>
      </Empty>
    );
  }
  return <DailyStatsView days={days} by={by} span={span} isLoading={pages.isLoading} />;
}

const LoadingDays = () => (
  <div className="waiting">
    <Loading subject="the days" />
  </div>
);
