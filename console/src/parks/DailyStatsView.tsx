/** Daily statistics: a chart for each park or energy type, a table, and a CSV download. */

import { Download } from "lucide-react";
import { lazy, Suspense, useMemo } from "react";
import { Button } from "react-aria-components";

import { type Column, DataTable } from "../components/DataTable";
import { downloadCsv } from "../components/downloads";
import { dayBefore, formatCount, formatDay, formatInteger, formatQuantity } from "../components/format";
import { Loading } from "../components/states";
import { axisTicks } from "./axisTicks";
import { type DayStats, fileColumns, fileRow, formatColumn, type PowerField } from "./dayStats";
import type { GroupBy, Span } from "./selection";

// recharts is large, so the chart is a separate chunk, loaded when there is a chart to draw.
const DailyChart = lazy(async () => ({ default: (await import("./DailyChart")).DailyChart }));

interface Props {
  days: DayStats[];
  by: GroupBy;
  span: Span;
  isLoading: boolean;
}

export function DailyStatsView({ days, by, span, isLoading }: Props) {
  const series = useMemo(() => seriesOf(days), [days]);
  const columns = useMemo(() => columnsOf(days, by, series.length > 1), [days, by, series.length]);
  const ticks = axisTicks(
    Math.min(0, ...days.map(({ minPowerMw }) => minPowerMw)),
    Math.max(0, ...days.map(({ maxPowerMw }) => maxPowerMw)),
  );
  const dates = { first: days[0]?.date ?? span.from, last: days.at(-1)?.date ?? span.from };
  const length = (Date.parse(span.until) - Date.parse(span.from)) / (24 * 3600 * 1000);

  return (
    <>
      <div className={series.length > 1 ? "card charts several" : "card charts"}>
        {series.map(([of, seriesDays], index) => (
          <figure key={of} className="stack" aria-label={`Daily power of ${of}`}>
            <figcaption className="small">
              <strong>{of}</strong> <span className="soft">{summary(seriesDays, length)}</span>
            </figcaption>
            <div className="chart">
              <Suspense fallback={<Loading subject="the chart" />}>
                <DailyChart
                  label={`Daily power of ${of}`}
                  days={seriesDays}
                  dates={dates}
                  ticks={ticks}
                  seriesIndex={index}
                />
              </Suspense>
            </div>
          </figure>
        ))}
        <Legend />
      </div>
      <div className="row apart">
        <p role="status" className="soft small">
          {isLoading ? `Loading: ${formatInteger(days.length)} so far…` : formatCount(days.length, "row")}
        </p>
        <Button className="button" isDisabled={isLoading} onPress={() => download(days, by, span)}>
          <Download size={16} aria-hidden />
          Download as CSV
        </Button>
      </div>
      <DataTable
        label="Days"
        columns={columns}
        rows={days}
        rowKey={({ key }) => key}
        initialSort={{ id: "date", desc: true }}
      />
    </>
  );
}

function Legend() {
  return (
    <p className="soft small key">
      <span>
        <i className="band" /> from the lowest to the highest reading
      </span>
      <span>
        <i className="mean" /> mean
      </span>
      <span>
        <i className="hollow" /> an incomplete day
      </span>
    </p>
  );
}

/** Groups the days by park or energy type. */
function seriesOf(days: DayStats[]): [string, DayStats[]][] {
  const series = new Map<string, DayStats[]>();
  for (const day of days) {
    const ofThis = series.get(day.of);
    if (ofThis) ofThis.push(day);
    else series.set(day.of, [day]);
  }
  return [...series].sort(([one], [other]) => one.localeCompare(other, "en-AU", { numeric: true }));
}

function columnsOf(days: DayStats[], by: GroupBy, areSeveral: boolean): Column<DayStats>[] {
  const figure = (id: PowerField, header: string, least: string): Column<DayStats> => {
    const { write, maxLength } = formatColumn(days, id);
    const width = `max(${least}, ${maxLength}ch + 1.1rem)`;
    return { id, header, cell: write, sort: (day) => day[id], numeric: true, width };
  };
  const columns: (Column<DayStats> | false)[] = [
    { id: "date", header: "Day", cell: ({ date }) => formatDay(date), sort: ({ date }) => date, width: "7.75rem" },
    (areSeveral || by === "type") && {
      id: "of",
      header: by === "park" ? "Park" : "Energy type",
      cell: ({ of }) => of,
      sort: ({ of }) => of,
      width: by === "park" ? "minmax(8rem, 0.6fr)" : "5.75rem",
    },
    figure("minPowerMw", "Lowest MW", "5.75rem"),
    figure("meanPowerMw", "Mean MW", "5rem"),
    figure("maxPowerMw", "Highest MW", "6rem"),
    figure("sumPowerMw", "Sum MW", "5rem"),
    {
      id: "readingCount",
      header: "Readings",
      cell: ({ readingCount }) => formatInteger(readingCount),
      sort: ({ readingCount }) => readingCount,
      numeric: true,
      width: "6.25rem",
    },
    by === "type" && {
      id: "parkCount",
      header: "Parks",
      cell: ({ parkCount, totalParkCount }) => `${formatInteger(parkCount)} of ${formatInteger(totalParkCount)}`,
      sort: ({ parkCount }) => parkCount,
      numeric: true,
      width: "5.25rem",
    },
    {
      id: "note",
      header: "Completeness",
      cell: ({ isComplete, note }) =>
        isComplete ? (
          note || "Complete"
        ) : (
          <span className="warn">
            <strong>Incomplete:</strong> {note}
          </span>
        ),
      sort: ({ isComplete, note }) => `${isComplete} ${note}`,
      width: "minmax(17rem, 1fr)",
    },
  ];
  return columns.filter((column) => column !== false);
}

/** Describes the chart in a sentence. */
function summary(days: DayStats[], length: number): string {
  const lowest = days.reduce((least, day) => (day.minPowerMw < least.minPowerMw ? day : least));
  const highest = days.reduce((most, day) => (day.maxPowerMw > most.maxPowerMw ? day : most));
  const complete = days.filter(({ isComplete }) => isComplete).length;
  return (
    `Lowest ${formatQuantity(lowest.minPowerMw)} MW on ${formatDay(lowest.date)}, ` +
    `highest ${formatQuantity(highest.maxPowerMw)} MW on ${formatDay(highest.date)}; ` +
    `${formatInteger(complete)} of ${formatCount(length, "day")} complete.`
  );
}

function download(days: DayStats[], by: GroupBy, { from, until }: Span): void {
  const of = by === "park" ? "park" : "energyType";
  const names = by === "park" ? `-${[...new Set(days.map((day) => day.of))].join("-")}` : "";
  const words = names.replace(/[^\p{L}\p{N}]+/gu, "-");
  const fileName = `daily-power-by-${by === "park" ? "park" : "energy-type"}${words}-${from}-to-${dayBefore(until)}.csv`;
  downloadCsv(fileName, fileColumns(of), days.map(fileRow));
}
