/** Explains one site's figures step by step, down to its events. */

import { Link } from "react-router";
import { useQuery } from "urql";

import { formatCount, formatKwh, formatMoney, formatMonth, formatPeriod } from "../components/format";
import { Notice } from "../components/Notice";
import { usePaginatedList } from "../components/paginatedList";
import { Failure, Loading } from "../components/states";
import { ExplainLineDocument, ListSiteEventsDocument } from "../schema";
import { useHasRole } from "../session/session";
import { LINE_FIGURES } from "./figures";
import { Fraction } from "./fraction";
import { ReportPeriod } from "./MoneyFlow";
import { ReportPanel } from "./ReportPanel";
import type { Revision } from "./reportQueries";
import { SiteEventsTable, sumRevenue } from "./SiteEventsTable";
import { type ExplainedLine, formatCalculation, formatRounding, RULES, type Step } from "./settlementSteps";
import { formatAllTerms, monthDays } from "./terms";

export function LineExplanation({ report }: { report: Revision }) {
  return (
    <ReportPanel name="explain" title={(nmi) => `Figures of ${nmi}, explained`}>
      {(nmi) => <Explanation key={nmi} report={report} nmi={nmi} />}
    </ReportPanel>
  );
}

function Explanation({ report, nmi }: { report: Revision; nmi: string }) {
  const [{ data, error }, retry] = useQuery({ query: ExplainLineDocument, variables: { id: report.id, nmi } });
  if (error) return <Failure error={error} retry={retry} />;
  if (!data) return <Loading subject="its figures" />;
  const line = data.getRevenueReport?.lineItem;
  if (!line) return <p>This report has no line for {nmi}.</p>;
  const siteId = line.site?.id;
  return (
    <>
      <div>
        <p>
          {siteId ? <Link to={`/sites/${siteId}`}>{line.address}</Link> : line.address}, a member for{" "}
          {formatCount(line.memberDays, "day")}
        </p>
        <ReportPeriod report={report} />
      </div>
      {report.terms && <p className="small">Settled at {formatAllTerms(report.terms)}.</p>}
      {line.steps ? <Steps report={report} line={line} steps={line.steps} /> : <Amounts line={line} />}
    </>
  );
}

/** The amounts of a line whose steps were not kept. */
function Amounts({ line }: { line: ExplainedLine }) {
  return (
    <>
      <Notice>
        <strong>No steps.</strong> This revision was settled before the steps of a settlement were kept. Its amounts are
        those of the settlement.
      </Notice>
      <table className="compared" aria-label="Amounts">
        <tbody>
          {LINE_FIGURES.map(({ id, label }) => (
            <tr key={id}>
              <th scope="row">{label}</th>
              <td className="number">{formatMoney(line[id])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Steps({ report, line, steps }: { report: Revision; line: ExplainedLine; steps: readonly Step[] }) {
  const mayRead = useHasRole("READER");
  const siteId = line.site?.id ?? null;
  const { from, until } = monthDays(report.month);
  const read = usePaginatedList(
    ListSiteEventsDocument,
    { id: siteId ?? "", from, until },
    (found) => found.getSite?.events,
    { loadAll: true, pause: siteId === null },
  );

  if (read.error) return <Failure error={read.error} retry={read.reload} />;
  if (siteId !== null && read.isLoading) return <Loading subject="its events" />;
  const revenue = steps.find(({ rule }) => rule === "REVENUE");
  const events = read.items.filter(({ settlementDate }) =>
    revenue?.spans.some((span) => settlementDate >= span.from && settlementDate < span.until),
  );
  const areSettled = revenue !== undefined && sumRevenue(events).equals(Fraction.parse(revenue.exactAud));
  return (
    <>
      {siteId === null ? (
        <Notice tone="warn">The site was deleted, or is outside your access: its events are not shown.</Notice>
      ) : (
        !areSettled && (
          <Notice tone="warn">
            <strong>Changed since.</strong> The site's events of {formatMonth(report.month)} no longer add up to the{" "}
            {formatMoney(line.revenueAud)} that this revision was settled with. The steps below are those of the
            settlement.
          </Notice>
        )
      )}
      {siteId !== null && events.length === 0 && (
        <Notice tone="warn">
          <strong>No events.</strong> No events of this site were imported for {formatPeriod(from, until)}.
        </Notice>
      )}
      <ol className="steps">
        {steps.map((step) => (
          <StepItem key={step.rule} step={step} note={noteOn(step, line, mayRead)} />
        ))}
      </ol>
      {events.length > 0 && <SiteEventsTable events={events} areSettled={areSettled} />}
    </>
  );
}

/** The server leaves the pool out of the formula of the capacity share for members. */
function noteOn({ rule, formula }: Step, { capacityKwh }: ExplainedLine, mayRead: boolean): string | null {
  if (rule !== "CAPACITY_SHARE") return null;
  if (formula.includes("%")) return "Where no member has any capacity, each site keeps its own 20 %.";
  if (mayRead) return null;
  return (
    `In proportion to your mean capacity, ${formatKwh(capacityKwh)}. You cannot see other sites' earnings and ` +
    "capacities, so the pool and your share of it are not shown."
  );
}

function StepItem({ step, note }: { step: Step; note: string | null }) {
  const amount = formatMoney(step.amountAud);
  const rounding = formatRounding(step, amount);
  const { title, description } = RULES[step.rule];
  return (
    <li>
      <div className="row apart">
        <h3>{title}</h3>
        <strong className="number">{amount}</strong>
      </div>
      <p className="soft small">{description}</p>
      {formatCalculation(step, ({ from, until }) => formatPeriod(from, until)).map((row) => (
        <p key={row} className="formula">
          {row}
        </p>
      ))}
      {rounding && <p className="small">{rounding}</p>}
      {note && <p className="small">{note}</p>}
    </li>
  );
}
