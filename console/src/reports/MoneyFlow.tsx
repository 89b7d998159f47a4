/** Where a month's money went: a waterfall chart, and tables to check the sums. */

import { lazy, Suspense } from "react";
import { Button } from "react-aria-components";

import { useDialog } from "../components/FormDialog";
import { centsToDecimal, formatMoney, formatPeriod } from "../components/format";
import { Loading } from "../components/states";
import { LINE_FIGURES, type Line, sumLines, TOTALS, type Totals } from "./figures";
import { ReportFlag } from "./flags";
import type { Revision } from "./reportQueries";
import { monthDays } from "./terms";

const Waterfall = lazy(() => import("./Waterfall"));

const IDENTITIES: { of: keyof Totals; parts: (keyof Totals)[] }[] = [
  { of: "totalRevenueAud", parts: ["adValoremFeeAud", "dailyFeesAud", "siteTotalAud"] },
  { of: "vppTotalAud", parts: ["adValoremFeeAud", "dailyFeesAud", "costOnlyAud"] },
];

const TOTAL_NOTES: Record<keyof Totals, string> = {
  totalRevenueAud: "earned by the sites' events",
  adValoremFeeAud: "to the VPP, taken first",
  dailyFeesAud: "to the VPP, up to what was earned",
  siteTotalAud: "to the sites, after fees",
  costOnlyAud: "borne by the VPP",
  vppTotalAud: "left to the VPP",
};

const labelOf = (total: keyof Totals) => TOTALS.find(({ id }) => id === total)?.label ?? total;

/** The period and currency of a section's figures. */
export function ReportPeriod({ report }: { report: Revision }) {
  const { from, until } = monthDays(report.month);
  return (
    <p className="soft small row" style={{ "--gap": "0.4rem" }}>
      {formatPeriod(from, until)}, NEM time (UTC+10), AUD <ReportFlag report={report} />
    </p>
  );
}

export function MoneyFlow({ report, totals }: { report: Revision; totals: Totals }) {
  return (
    <section className="card stack" aria-labelledby="money">
      <div className="row apart">
        <h2 id="money">Where the money went</h2>
        <ReportPeriod report={report} />
      </div>
      <div className="money">
        <Suspense fallback={<Loading subject="the chart" />}>
          <Waterfall totals={totals} />
        </Suspense>
        <div className="stack">
          {IDENTITIES.map(({ of, parts }) => (
            <IdentityTable key={of} totals={totals} of={of} parts={parts} />
          ))}
        </div>
      </div>
    </section>
  );
}

function IdentityTable({ totals, of, parts }: { totals: Totals; of: keyof Totals; parts: (keyof Totals)[] }) {
  return (
    <table className="identity">
      <caption>
        {labelOf(of)} = {parts.map((part) => labelOf(part).toLowerCase()).join(" + ")}
      </caption>
      <tbody>
        {[of, ...parts].map((id, index) => (
          <tr key={id}>
            <td aria-hidden="true">{index === 0 ? "" : index === 1 ? "=" : "+"}</td>
            <th scope="row">
              {labelOf(id)} <span className="means">{TOTAL_NOTES[id]}</span>
            </th>
            <td className="number">
              <Figure total={id} amount={totals[id]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A total, as a button that opens the lines that add up to it. Cost-only is not a sum of lines. */
function Figure({ total, amount }: { total: keyof Totals; amount: string }) {
  const dialog = useDialog();
  if (total === "costOnlyAud") return <>{formatMoney(amount)}</>;
  return (
    <Button
      className="opens"
      aria-label={`${formatMoney(amount)}: show the lines of ${labelOf(total)}`}
      onPress={() => dialog.open("lines", total)}
    >
      {formatMoney(amount)}
    </Button>
  );
}

/** The sums of a member's own lines, for callers who may not see the VPP's totals. */
export function OwnSitesMoney({
  report,
  lines,
  linesLoaded,
}: {
  report: Revision;
  lines: readonly Line[];
  linesLoaded: boolean;
}) {
  return (
    <section className="card stack" aria-labelledby="money">
      <div className="row apart">
        <h2 id="money">What your sites received</h2>
        <ReportPeriod report={report} />
      </div>
      {linesLoaded ? (
        <dl className="own-figures">
          {LINE_FIGURES.map(({ id, label }) => (
            <div className="figure" key={id}>
              <dt>{label}</dt>
              <dd className="large">{formatMoney(centsToDecimal(sumLines(lines, id)))}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <Loading subject="your lines" />
      )}
      <p className="soft small">
        Before fees = event share + capacity share; after fees = before fees − daily fee. A daily fee that the revenue
        did not cover is waived: it is not charged later. You cannot see the totals of the VPP and its other sites.
      </p>
    </section>
  );
}
