/** Compares two revisions of a month: the changes by site and by cause. */

import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { SelectField } from "../components/fields";
import { centsToDecimal, formatCount, formatInteger, formatMoney, parseCents } from "../components/format";
import { Failure, Loading } from "../components/states";
import { useUrlParams } from "../components/urlParams";
import { formatDifference, type Line, sumLines, TOTALS } from "./figures";
import { CAUSE_DESCRIPTIONS, type Change, compareLines, groupByCause } from "./lineChanges";
import { ReportPeriod } from "./MoneyFlow";
import { type Revision, useLines } from "./reportQueries";
import { formatAllTerms, mergeSpans } from "./terms";

const NONE = "none";

interface Props {
  report: Revision;
  revisions: readonly Revision[];
  lines: readonly Line[];
  linesLoaded: boolean;
}

export function RevisionComparison(props: Props) {
  const { report, revisions } = props;
  const [params, updateParams] = useUrlParams();
  const others = revisions.filter(({ id, status }) => id !== report.id && status === "READY");
  const other = others.find(({ revision }) => String(revision) === params.get("with"));

  return (
    <section className="card stack" aria-labelledby="revisions">
      <div className="row apart">
        <h2 id="revisions">Revisions side by side</h2>
        <ReportPeriod report={report} />
      </div>
      <p className="soft">
        A revision never changes once it is settled; settling again adds one.
        {others.length === 0 && " This month has no other revision yet."}
      </p>
      {others.length > 0 && (
        <div className="choice">
          <SelectField
            label={`Compare revision ${report.revision} with`}
            value={other ? String(other.revision) : NONE}
            options={[
              { value: NONE, label: "none" },
              ...others.map(({ revision }) => ({ value: String(revision), label: `Revision ${revision}` })),
            ]}
            onChange={(chosen) =>
              updateParams(
                (current) => {
                  if (chosen === NONE) current.delete("with");
                  else current.set("with", chosen);
                },
                { replace: true },
              )
            }
          />
        </div>
      )}
      {other && <ComparisonTables key={other.id} {...props} other={other} />}
    </section>
  );
}

function ComparisonTables({ report, other, lines, linesLoaded }: Props & { other: Revision }) {
  const read = useLines(other.id);
  const isLater = report.revision > other.revision;
  const [before, after] = isLater ? [other, report] : [report, other];
  const [linesBefore, linesAfter] = isLater ? [read.items, lines] : [lines, read.items];
  const [termsBefore, termsAfter] = [before.terms ?? [], after.terms ?? []];
  const termsChanged = JSON.stringify(mergeSpans(termsBefore)) !== JSON.stringify(mergeSpans(termsAfter));
  const changes = useMemo(
    () => compareLines(linesBefore, linesAfter, termsChanged),
    [linesBefore, linesAfter, termsChanged],
  );

  if (read.error && !read.isLoaded) return <Failure error={read.error} retry={read.reload} />;
  if (!linesLoaded || !read.isLoaded) return <Loading subject="the lines of both" />;
  const same = new Set([...linesBefore, ...linesAfter].map(({ nmi }) => nmi)).size - changes.length;
  const all = changes.reduce((sum, change) => sum + change.difference, 0n);
  return (
    <>
      <div className="scrolls">
        <table className="compared">
          <thead>
            <tr>
              <th scope="col">AUD</th>
              <th scope="col">Revision {before.revision}</th>
              <th scope="col">Revision {after.revision}</th>
              <th scope="col">Difference</th>
            </tr>
          </thead>
          <tbody>
            {before.totals && after.totals ? (
              TOTALS.map(({ id, label }) => (
                <Row key={id} label={label} from={before.totals?.[id] ?? ""} to={after.totals?.[id] ?? ""} />
              ))
            ) : (
              <Row
                label="Your sites, after fees"
                from={centsToDecimal(sumLines(linesBefore, "afterFeesAud"))}
                to={centsToDecimal(sumLines(linesAfter, "afterFeesAud"))}
              />
            )}
          </tbody>
        </table>
      </div>
      <p>
        {termsChanged
          ? `Terms: ${formatAllTerms(termsBefore)} before; ${formatAllTerms(termsAfter)} after.`
          : `Both were settled at ${formatAllTerms(termsBefore)}.`}
      </p>
      {changes.length === 0 ? (
        <p>No line changed.</p>
      ) : (
        <>
          <h3>{formatCount(changes.length, "line")} changed, by cause</h3>
          <ul className="change-causes">
            {groupByCause(changes).map((group) => (
              <li key={group.causes.join()}>
                <strong>{group.causes.join(", ")}</strong>: {formatCount(group.sites, "site")},{" "}
                {formatDifference(group.difference)} after fees
                <span className="means soft small">
                  {group.causes.map((cause) => CAUSE_DESCRIPTIONS[cause]).join(". ")}.
                </span>
              </li>
            ))}
          </ul>
          <h3>Changes by site</h3>
          <DataTable
            label="Changed lines"
            columns={COLUMNS}
            rows={changes}
            rowKey={({ key }) => key}
            totals={{ nmi: `All ${formatInteger(changes.length)}`, difference: formatDifference(all) }}
          />
        </>
      )}
      {same > 0 && changes.length > 0 && (
        <p className="soft small">
          {formatCount(same, "other line")} {same === 1 ? "is" : "are"} the same in both.
        </p>
      )}
    </>
  );
}

function Row({ label, from, to }: { label: string; from: string; to: string }) {
  return (
    <tr>
      <th scope="row">{label}</th>
      <td className="number">{formatMoney(from)}</td>
      <td className="number">{formatMoney(to)}</td>
      <td className="number">{formatDifference(parseCents(to) - parseCents(from))}</td>
    </tr>
  );
}

const COLUMNS: Column<Change>[] = [
  {
    id: "nmi",
    header: "NMI",
    cell: ({ nmi }) => <span className="mono">{nmi}</span>,
    sort: ({ nmi }) => nmi,
    width: "8rem",
  },
  { id: "address", header: "Address", cell: ({ address }) => address, sort: ({ address }) => address },
  { id: "causes", header: "Cause", cell: ({ causes }) => causes.join(", "), sort: ({ causes }) => causes.join(", ") },
  {
    id: "details",
    header: "Details",
    cell: ({ details }) => <span title={details.join("; ")}>{details.join("; ")}</span>,
    width: "minmax(20rem, 2.4fr)",
  },
  {
    id: "before",
    header: "After fees, before",
    cell: ({ before }) => (before ? formatMoney(before.afterFeesAud) : "no line"),
    sort: ({ before }) => parseCents(before?.afterFeesAud ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "after",
    header: "After fees, now",
    cell: ({ after }) => (after ? formatMoney(after.afterFeesAud) : "no line"),
    sort: ({ after }) => parseCents(after?.afterFeesAud ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "difference",
    header: "Difference",
    cell: (change) => formatDifference(change.difference),
    sort: (change) => change.difference,
    numeric: true,
  },
];
