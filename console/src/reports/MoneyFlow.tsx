/** Where a month's money went: drawn, and written out so that it can be checked. */

import { lazy, Suspense } from "react";
import { Button } from "react-aria-components";

import { useDialog } from "../components/FormDialog";
import { dollars, formatPeriod, money } from "../components/format";
import { Loading } from "../components/states";
import { LINE_FIGURES, type Line, sumOf, TOTALS, type Totals } from "./figures";
import { Flag } from "./flags";
import type { Revision } from "./reportQueries";
import { monthDays } from "./terms";

const Waterfall = lazy(() => import("./Waterfall"));

const SUMS: { of: keyof Totals; parts: (keyof Totals)[] }[] = [
  { of: "totalRevenueAud", parts: ["adValoremFeeAud", "dailyFeesAud", "siteTotalAud"] },
  { of: "vppTotalAud", parts: ["adValoremFeeAud", "dailyFeesAud", "costOnlyAud"] },
];

const MEANS: Record<keyof Totals, string> = {
  totalRevenueAud: "earned by the sites' events",
  adValoremFeeAud: "to the VPP, taken first",
  dailyFeesAud: "to the VPP, as far as earned",
  siteTotalAud: "to the sites, after fees",
  costOnlyAud: "borne by the VPP",
  vppTotalAud: "left to the VPP",
};

const labelOf = (total: keyof Totals) => TOTALS.find(({ id }) => id === total)?.label ?? total;

/** The days and the currency of the figures below. */
export function Period({ report }: { report: Revision }) {
  const { from, until } = monthDays(report.month);
  return (
    <p className="soft small row" style={{ "--gap": "0.4rem" }}>
      {formatPeriod(from, until)}, NEM time (UTC+10), AUD <Flag report={report} />
    </p>
  );
}

export function Money({ report, totals }: { report: Revision; totals: Totals }) {
  return (
    <section className="card stack" aria-labelledby="money">
      <div className="row apart">
        <h2 id="money">Where the money went</h2>
        <Period report={report} />
      </div>
      <div className="money">
        <Suspense fallback={<Loading what="the chart" />}>
          <Waterfall totals={totals} />
        </Suspense>
        <div className="stack">
          {SUMS.map(({ of, parts }) => (
            <Identity key={of} totals={totals} of={of} parts={parts} />
          ))}
        </div>
      </div>
    </section>
  );
}

function Identity({ totals, of, parts }: { totals: Totals; of: keyof Totals; parts: (keyof Totals)[] }) {
  return (
    <table className="identity">
      <caption>
        {labelOf(of)} = {parts.map((part) => labelOf(part).toLowerCase()).join(" + ")}
      </caption>
      <tbody>
        {[of, ...parts].map((each, place) => (
          <tr key={each}>
            <td aria-hidden="true">{place === 0 ? "" : place === 1 ? "=" : "+"}</td>
            <th scope="row">
              {labelOf(each)} <span className="means">{MEANS[each]}</span>
            </th>
            <td className="number">
              <Figure total={each} amount={totals[each]} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A total that opens to the lines it is the sum of, where it is one. */
function Figure({ total, amount }: { total: keyof Totals; amount: string }) {
  const dialog = useDialog();
  if (total === "costOnlyAud") return <>{money(amount)}</>;
  return (
    <Button
      className="opens"
      aria-label={`${money(amount)}: show the lines of ${labelOf(total)}`}
      onPress={() => dialog.open("lines", total)}
    >
      {money(amount)}
    </Button>
  );
}

/** The same for whoever sees some sites alone: what these sites' lines add up to. */
export function OwnMoney({ report, lines, isRead }: { report: Revision; lines: readonly Line[]; isRead: boolean }) {
  return (
    <section className="card stack" aria-labelledby="money">
      <div className="row apart">
        <h2 id="money">What your sites got</h2>
        <Period report={report} />
      </div>
      {isRead ? (
        <dl className="own-figures">
          {LINE_FIGURES.map(({ id, label }) => (
            <div className="figure" key={id}>
              <dt>{label}</dt>
              <dd className="large">{money(dollars(sumOf(lines, id)))}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <Loading what="your lines" />
      )}
      <p className="soft small">
        Before fees = event share + capacity share; after fees = before fees − daily fee. A daily fee that the revenue
        did not cover is waived: nobody owes it. The totals of the whole VPP, and its other sites, are not yours to see.
      </p>
    </section>
  );
}
