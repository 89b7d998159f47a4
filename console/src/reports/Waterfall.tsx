/** A waterfall chart from the total revenue to its recipients. Bars are drawn from floats; the labels are exact. */

import { Bar, BarChart, Cell, LabelList, ReferenceLine, ResponsiveContainer, XAxis, YAxis } from "recharts";

import { formatMoney } from "../components/format";
import type { Totals } from "./figures";

interface Step {
  name: string;
  /** The amount at which the bar ends, and from which a line leads to the next bar. */
  to: number;
  span: [number, number];
  amount: string;
  colour: string;
}

function stepsOf(totals: Totals): Step[] {
  const step = (name: string, from: number, by: number, aud: string, colour: string): Step => ({
    ...{ name, to: from + by, colour },
    span: by < 0 ? [from + by, from] : [from, from + by],
    amount: formatMoney(aud),
  });
  const revenue = Number(totals.totalRevenueAud);
  const adValorem = Number(totals.adValoremFeeAud);
  const daily = Number(totals.dailyFeesAud);
  const sites = Number(totals.siteTotalAud);
  return [
    step("Total revenue", 0, revenue, totals.totalRevenueAud, "var(--series-3)"),
    step("Ad valorem fee", revenue, -adValorem, totals.adValoremFeeAud, "var(--series-1)"),
    step("Daily fees", revenue - adValorem, -daily, totals.dailyFeesAud, "var(--series-1)"),
    step("Site total", 0, sites, totals.siteTotalAud, "var(--series-2)"),
    step("Cost-only", 0, Number(totals.costOnlyAud), totals.costOnlyAud, "var(--series-4)"),
  ];
}

export default function Waterfall({ totals }: { totals: Totals }) {
  const steps = stepsOf(totals);
  const description = steps.map(({ name, amount }) => `${name} ${amount}`).join(", ");
  return (
    <figure className="waterfall" role="img" aria-label={`Waterfall: ${description}`}>
      <ResponsiveContainer width="100%" height="100%">
        <BarChart
          data={steps}
          layout="vertical"
          margin={{ top: 4, right: 88, bottom: 0, left: 0 }}
          accessibilityLayer={false}
          barCategoryGap="28%"
        >
          <XAxis type="number" domain={["dataMin", "dataMax"]} hide />
          <YAxis
            type="category"
            dataKey="name"
            width={120}
            interval={0}
            tick={{ fill: "var(--ink)", fontSize: 13 }}
            axisLine={false}
            tickLine={false}
          />
          <ReferenceLine x={0} stroke="var(--line-strong)" />
          {steps.slice(0, 3).map(({ name, to }, index) => (
            <ReferenceLine
              key={name}
              segment={[
                { x: to, y: name },
                { x: to, y: steps[index + 1]?.name ?? name },
              ]}
              stroke="var(--ink-soft)"
              strokeDasharray="3 3"
            />
          ))}
          <Bar dataKey="span" isAnimationActive={false} minPointSize={2}>
            {steps.map(({ name, colour }) => (
              <Cell key={name} fill={colour} />
            ))}
            <LabelList dataKey="amount" position="right" fill="var(--ink)" fontSize={13} />
          </Bar>
        </BarChart>
      </ResponsiveContainer>
    </figure>
  );
}
