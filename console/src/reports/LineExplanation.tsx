/** Explains one site's figures step by step, down to its events. */

import { Link } from "react-router";
import { useQuery } from "urql";

import { centsToDecimal, formatCount, formatMoney, formatMonth, formatPeriod } from "../components/format";
import { Notice } from "../components/Notice";
import { usePaginatedList } from "../components/paginatedList";
import { Failure, Loading } from "../components/states";
import { ListSiteEventsDocument, SiteMembershipsDocument } from "../schema";
import { useHasRole } from "../session/session";
import type { Line } from "./figures";
import { ReportPeriod } from "./MoneyFlow";
import { ReportPanel } from "./ReportPanel";
import type { Revision } from "./reportQueries";
import { SiteEventsTable } from "./SiteEventsTable";
import { explainSteps, matchesSettledRevenue, type Step } from "./settlementSteps";
import { formatAllTerms, intersectPeriod, monthDays, type Terms } from "./terms";

interface Props {
  vppId: string;
  report: Revision;
  lines: readonly Line[];
  linesLoaded: boolean;
  /** The terms of the month's spans; null while loading. */
  spans: readonly Terms[] | null;
  /** Whether `spans` are the terms of the settled report, not the VPP's current terms. */
  areSettled: boolean;
}

export function LineExplanation(props: Props) {
  return (
    <ReportPanel name="explain" title={(nmi) => `Figures of ${nmi}, explained`}>
      {(nmi) => {
        const line = props.lines.find((candidate) => candidate.nmi === nmi);
        if (line && props.linesLoaded && props.spans)
          return <ExplainedLine key={nmi} {...props} line={line} spans={props.spans} />;
        return props.linesLoaded && !line ? (
          <p>This report has no line for {nmi}.</p>
        ) : (
          <Loading subject="its figures" />
        );
      }}
    </ReportPanel>
  );
}

function ExplainedLine({
  vppId,
  report,
  lines,
  spans,
  areSettled,
  line,
}: Props & { line: Line; spans: readonly Terms[] }) {
  const mayRead = useHasRole("READER");
  const siteId = line.site?.id ?? null;
  const { from, until } = monthDays(report.month);
  const [{ data, error }] = useQuery({
    query: SiteMembershipsDocument,
    variables: { id: siteId ?? "" },
    pause: siteId === null,
  });
  const read = usePaginatedList(
    ListSiteEventsDocument,
    { id: siteId ?? "", from, until },
    (found) => found.getSite?.events,
    {
      loadAll: true,
      pause: siteId === null,
    },
  );

  const failed = error ?? read.error;
  if (failed) return <Failure error={failed} retry={read.reload} />;
  if (siteId !== null && (!data || read.isLoading)) return <Loading subject="its events" />;

  const memberDays =
    data?.getSite?.memberships.flatMap(
      ({ vpp, effectiveFrom, effectiveUntil }) =>
        (vpp.id === vppId && intersectPeriod({ from, until }, effectiveFrom, effectiveUntil)) || [],
    ) ?? null;
  const events =
    memberDays &&
    read.items.filter(({ settlementDate }) =>
      memberDays.some((days) => settlementDate >= days.from && settlementDate < days.until),
    );
  const { month } = report;
  const steps = explainSteps({ line, month, spans, memberDays, events, lines: mayRead ? lines : null });

  return (
    <>
      <div>
        <p>
          {siteId ? <Link to={`/sites/${siteId}`}>{line.address}</Link> : line.address}, a member for{" "}
          {formatCount(line.memberDays, "day")}
        </p>
        <ReportPeriod report={report} />
      </div>
      <p className="small">
        {areSettled
          ? `Settled at ${formatAllTerms(spans)}.`
          : `At ${formatAllTerms(spans)}: the current terms. The terms that it was settled with are in the report's file, ` +
            (mayRead ? "which could not be read." : "which you cannot open.")}
      </p>
      {events === null ? (
        <Notice tone="warn">The site was deleted, or is outside your access: its events are not shown.</Notice>
      ) : (
        !matchesSettledRevenue(line, events) && (
          <Notice tone="warn">
            <strong>Changed since.</strong> The site's events of {formatMonth(month)} no longer add up to the{" "}
            {formatMoney(line.revenueAud)} that this revision was settled with. The steps below start from that amount.
          </Notice>
        )
      )}
      {events?.length === 0 && (
        <Notice tone="warn">
          <strong>No events.</strong> No events of this site were imported for {formatPeriod(from, until)}.
        </Notice>
      )}
      <ol className="steps">
        {steps.map((step) => (
          <StepItem key={step.title} step={step} />
        ))}
      </ol>
      {events && events.length > 0 && <SiteEventsTable events={events} />}
    </>
  );
}

function StepItem({ step: { title, rule, formula, exact, amount, note } }: { step: Step }) {
  const figure = formatMoney(amount);
  const isRounded = exact !== null && exact.money !== figure;
  return (
    <li>
      <div className="row apart">
        <h3>{title}</h3>
        <strong className="number">{figure}</strong>
      </div>
      <p className="soft small">{rule}</p>
      {formula.map((row) => (
        <p key={row} className="formula">
          {row}
        </p>
      ))}
      {isRounded && (
        <p className="small">
          {exact.money} is {figure} to the cent
          {formatMoney(centsToDecimal(exact.cents)) !== figure && ", allotted so that all parts add up to the total"}.
        </p>
      )}
      {note && <p className="small">{note}</p>}
    </li>
  );
}
