/** The days of the parks that are chosen, or of all by energy type: read to the last page, drawn, and listed. */

import { type ReactNode, useMemo } from "react";
import { formatDay, formatPeriod } from "../components/format";
import { type Pages, usePages } from "../components/paginatedList";
import { Chosen } from "../components/SelectedItems";
import { Empty, Failure, Loading } from "../components/states";
import { ListEnergyTypeDailyStatsDocument, ListParkDailyStatsDocument } from "../schema";
import { useMay } from "../session/session";
import { DaysShown } from "./DailyStatsView";
import { type Day, dayOfEnergyType, dayOfPark, inOrder, type Park } from "./dayStats";
import { useLastDay } from "./lastDayWithReadings";
import { Segments } from "./SegmentedControl";
import { SpanFields } from "./SpanFields";
import { type By, daysOf, PARKS_AT_ONCE, type Span, useChoice } from "./selection";

const BY: { value: By; label: string }[] = [
  { value: "type", label: "Energy type" },
  { value: "park", label: "Park" },
];

interface Asked {
  parkNames: string[];
  span: Span;
  lastDay: string;
}

export function DailyPower({ parks }: { parks: readonly Park[] }) {
  const { parks: named, by, span, choose, chooseParks } = useChoice();
  const mayChange = useMay("OPERATOR");
  const chosen = parks.filter(({ name }) => named.includes(name));
  const unknown = named.filter((name) => !chosen.some((park) => park.name === name));
  const parkNames = chosen.map(({ name }) => name);
  const last = useLastDay(parkNames);
  const shown = last.day ? daysOf(span, last.day) : typeof span === "object" ? span : undefined;

  return (
    <section className="stack" aria-labelledby="daily-power">
      <div>
        <h2 id="daily-power">Daily power</h2>
        <p className="soft small">
          {shown && `${formatPeriod(shown.from, shown.until)}: each`} park's own local day, midnight to midnight. In MW,
          below zero where a park drew power.
        </p>
      </div>
      <div className="row asked">
        <Segments label="By" options={BY} value={by} onChange={(chosen) => choose({ by: chosen })} />
        <SpanFields shown={shown} />
      </div>
      {named.length > 0 && (
        <div className="row">
          <Chosen
            label="Parks shown"
            chosen={named.map((name) => ({ id: name, name }))}
            takeOut={(name) => chooseParks((present) => present.filter((each) => each !== name))}
          />
          {named.length === PARKS_AT_ONCE && (
            <span className="soft small">As many as are shown at once: take one out to see another.</span>
          )}
        </div>
      )}
      {unknown.map((name) => (
        <p key={name} className="notice warn">
          There is no park named {name}.
        </p>
      ))}
      {last.error ? (
        <Failure error={last.error} retry={last.retry} />
      ) : by === "park" && parkNames.length === 0 ? (
        <Empty title="No park is chosen">
          <p>Choose up to four in the list above.</p>
        </Empty>
      ) : last.day === null ? (
        <Empty title={parkNames.length > 0 ? "There are no readings of this yet" : "There are no readings yet"}>
          {mayChange && <p>Import the readings of each park: a file of its own, with the columns datetime and MW.</p>}
        </Empty>
      ) : last.day === undefined || shown === undefined ? (
        <Waiting />
      ) : by === "park" ? (
        <OfParks parkNames={parkNames} span={shown} lastDay={last.day} />
      ) : (
        <OfEnergyTypes
          parks={chosen.length > 0 ? chosen : parks}
          parkNames={parkNames}
          span={shown}
          lastDay={last.day}
        />
      )}
    </section>
  );
}

function OfParks({ parkNames, span, lastDay }: Asked) {
  const filter = { ...span, parkNames };
  const days = usePages(ListParkDailyStatsDocument, { filter, limit: 200 }, (data) => data.listParkDailyStats, {
    all: true,
  });
  const shown = useMemo(() => days.items.map(dayOfPark).sort(inOrder), [days.items]);
  return <Read pages={days} days={shown} by="park" span={span} lastDay={lastDay} />;
}

function OfEnergyTypes({ parks, parkNames, span, lastDay }: Asked & { parks: readonly Park[] }) {
  const filter = { ...span, ...(parkNames.length > 0 ? { parkNames } : {}) };
  const days = usePages(
    ListEnergyTypeDailyStatsDocument,
    { filter, limit: 200 },
    (data) => data.listEnergyTypeDailyStats,
    { all: true },
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the parks are those named, in an array that is new each time.
  const shown = useMemo(
    () => days.items.map((day) => dayOfEnergyType(day, parks)),
    [days.items, parks.map(({ id }) => id).join()],
  );
  return <Read pages={days} days={shown} by="type" span={span} lastDay={lastDay} />;
}

function Read({
  pages,
  days,
  by,
  span,
  lastDay,
}: {
  pages: Pages<unknown>;
  days: Day[];
  by: By;
  span: Span;
  lastDay: string;
}): ReactNode {
  if (pages.error) return <Failure error={pages.error} retry={pages.reload} />;
  if (pages.isFirst) return <Waiting />;
  if (days.length === 0) {
    return (
      <Empty title="There are no readings on these days">
        <p>The last day that has any is {formatDay(lastDay)}.</p>
      </Empty>
    );
  }
  return <DaysShown days={days} by={by} span={span} isLoading={pages.isLoading} />;
}

const Waiting = () => (
  <div className="waiting">
    <Loading what="the days" />
  </div>
);
