/** A chart with a band from lowest to highest power and a line of the means. A separate chunk, for recharts. */

import {
  Area,
  Bar,
  CartesianGrid,
  ComposedChart,
  type DotItemDotProps,
  Line,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";

import { addDays, formatDay, formatQuantity } from "../components/format";
import type { DayStats } from "./dayStats";

interface Props {
  label: string;
  days: DayStats[];
  /** The range of the x axis, the same for all charts shown together. */
  dates: { first: string; last: string };
  ticks: number[];
  /** The position among the charts, which selects the colour. */
  seriesIndex: number;
}

interface Point {
  date: string;
  day: DayStats | undefined;
  band: [number, number] | null;
  /** The band of a day without neighbours, drawn as a bar: an area needs two adjacent points. */
  isolatedBand: [number, number] | null;
  mean: number | null;
}

// With more days than this, their points would overlap, so only incomplete days have a point.
const MAX_POINTS = 62;
const TEXT = { fill: "var(--ink-soft)", fontSize: 12 };

export function DailyChart({ label, days, dates, ticks, seriesIndex }: Props) {
  const points = pointsOf(days, dates);
  const colour = `var(--series-${(seriesIndex % 4) + 1})`;
  const isDense = points.length > MAX_POINTS;
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart data={points} margin={{ top: 8, right: 16, bottom: 0, left: 0 }} syncId="days" aria-label={label}>
        <CartesianGrid stroke="var(--line)" vertical={false} />
        <XAxis
          dataKey="date"
          tickFormatter={formatDay}
          tick={TEXT}
          stroke="var(--line-strong)"
          minTickGap={48}
          tickMargin={6}
        />
        <YAxis
          domain={[ticks[0] ?? 0, ticks.at(-1) ?? 1]}
          ticks={ticks}
          tickFormatter={formatQuantity}
          tick={TEXT}
          stroke="var(--line-strong)"
          width={56}
          unit=" MW"
        />
        <ReferenceLine y={0} stroke="var(--ink-soft)" className="zero" />
        <Area
          dataKey="band"
          stroke={colour}
          strokeOpacity={0.5}
          fill={colour}
          fillOpacity={0.18}
          isAnimationActive={false}
          activeDot={false}
        />
        <Bar
          dataKey="alone"
          barSize={8}
          stroke={colour}
          strokeOpacity={0.5}
          fill={colour}
          fillOpacity={0.18}
          isAnimationActive={false}
        />
        <Line dataKey="mean" stroke={colour} strokeWidth={2} isAnimationActive={false} dot={dotOf(colour, isDense)} />
        <Tooltip content={ChartTooltip} isAnimationActive={false} cursor={{ stroke: "var(--line-strong)" }} />
      </ComposedChart>
    </ResponsiveContainer>
  );
}

/** Returns a point for every day of the range. On days without readings the line is interrupted. */
function pointsOf(days: DayStats[], { first, last }: Props["dates"]): Point[] {
  const daysByDate = new Map(days.map((day) => [day.date, day]));
  const points: Point[] = [];
  for (let date = first; date <= last; date = addDays(date, 1)) {
    const day = daysByDate.get(date);
    const band: Point["band"] = day ? [day.minPowerMw, day.maxPowerMw] : null;
    const isIsolated = !daysByDate.has(addDays(date, -1)) && !daysByDate.has(addDays(date, 1));
    points.push({ date, day, band, isolatedBand: isIsolated ? band : null, mean: day?.meanPowerMw ?? null });
  }
  return points;
}

function dotOf(colour: string, isDense: boolean) {
  return function Dot({ cx, cy, key, payload }: DotItemDotProps) {
    const { day } = payload as Point;
    if (!day || cy === undefined || (isDense && day.isComplete)) return <g key={key} />;
    const fill = day.isComplete ? colour : "var(--surface)";
    return <circle key={key} cx={cx} cy={cy} r={3.5} fill={fill} stroke={colour} strokeWidth={2} />;
  };
}

function ChartTooltip({ payload }: { payload?: readonly { payload?: Point }[] }) {
  const day = payload?.[0]?.payload?.day;
  if (!day) return null;
  return (
    <dl className="tooltip small">
      <dt>{formatDay(day.date)}</dt>
      <dd>{day.of}</dd>
      <dt>Highest</dt>
      <dd>{formatQuantity(day.maxPowerMw)} MW</dd>
      <dt>Mean</dt>
      <dd>{formatQuantity(day.meanPowerMw)} MW</dd>
      <dt>Lowest</dt>
      <dd>{formatQuantity(day.minPowerMw)} MW</dd>
      {day.note && <dd className="whole">{day.isComplete ? day.note : `Incomplete: ${day.note}`}</dd>}
    </dl>
  );
}
