import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { cents, dollars, formatMoment, formatMonth, money } from "../components/format";
import type { Pages } from "../components/paginatedList";
import type { ListReportsQuery } from "../schema";
import { useMay } from "../session/session";
import { TOTALS, type Totals } from "./figures";
import { ReportTags } from "./flags";
import { useNews, useStaleness } from "./reportQueries";

type Report = ListReportsQuery["listRevenueReports"]["items"][number];

const SHOWN: (keyof Totals)[] = ["totalRevenueAud", "vppTotalAud", "siteTotalAud"];

const MONTH: Column<Report> = {
  id: "month",
  header: "Month",
  cell: ({ vppId, month }) => <Link to={`/reports/${vppId}/${month}`}>{formatMonth(month)}</Link>,
  sort: ({ month }) => month,
  width: "10rem",
};

const VPP: Column<Report> = {
  id: "vpp",
  header: "VPP",
  cell: ({ vpp }) => <Link to={`/reports?vppId=${vpp.id}`}>{vpp.name}</Link>,
  sort: ({ vpp }) => vpp.name,
  width: "14rem",
};

const STATE: Column<Report>[] = [
  {
    id: "revision",
    header: "Revision",
    cell: ({ revision }) => revision,
    sort: ({ revision }) => revision,
    numeric: true,
    width: "7.25rem",
  },
  {
    id: "state",
    header: "State",
    cell: (report) => <State report={report} />,
    width: "minmax(8rem, 1fr)",
  },
];

const CREATED: Column<Report> = {
  id: "createdAt",
  header: "Asked for",
  cell: ({ createdAt }) => formatMoment(createdAt),
  sort: ({ createdAt }) => createdAt,
  width: "15rem",
};

const AMOUNTS: Column<Report>[] = TOTALS.filter(({ id }) => SHOWN.includes(id)).map(({ id, label }) => ({
  id,
  header: label,
  cell: ({ totals }) => totals && money(totals[id]),
  sort: ({ totals }) => cents(totals?.[id] ?? ""),
  numeric: true,
}));

const OWN: Column<Report> = {
  id: "own",
  header: "Your sites, after fees",
  cell: (report) => (report.lineItems?.nextToken ? "in the statement" : money(dollars(ownOf(report)))),
  sort: ownOf,
  numeric: true,
  width: "14rem",
};

function ownOf({ lineItems }: Report): bigint {
  return (lineItems?.items ?? []).reduce((sum, { afterFeesAud }) => sum + cents(afterFeesAud), 0n);
}

const OF_ALL = [MONTH, VPP, ...STATE, ...AMOUNTS, CREATED];
const OF_VPP = [MONTH, ...STATE, ...AMOUNTS, CREATED];
const OF_MEMBER = [MONTH, { ...VPP, cell: ({ vpp }: Report) => vpp.name }, ...STATE, OWN, CREATED];

/** Lists reports. Those that are under way are followed until they are not. */
export function ReportTable({ reports, ofVpp }: { reports: Pages<Report>; ofVpp: boolean }) {
  const mayRead = useMay("READER");
  return (
    <>
      {reports.items.map(({ id, status }) => status === "PENDING" && <Follow key={id} id={id} done={reports.reload} />)}
      <DataTable
        key={ofVpp ? "of a VPP" : "of all"}
        label={mayRead ? "Reports" : "Statements"}
        columns={mayRead ? (ofVpp ? OF_VPP : OF_ALL) : OF_MEMBER}
        rows={reports.items}
        rowKey={({ id }) => id}
        {...(ofVpp || !mayRead ? { sorted: { id: "month", desc: true } } : {})}
        more={reports.hasMore ? reports.more : undefined}
        isLoading={reports.isLoading}
      />
    </>
  );
}

function State({ report }: { report: Report }) {
  return <ReportTags report={report} isStale={useStaleness(report).isStale} />;
}

function Follow({ id, done }: { id: string; done: () => void }) {
  useNews({ id }, done);
  return null;
}
