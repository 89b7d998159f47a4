import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { centsToDecimal, formatDateTime, formatMoney, formatMonth, parseCents } from "../components/format";
import type { PaginatedList } from "../components/paginatedList";
import type { ListReportsQuery } from "../schema";
import { useHasRole } from "../session/session";
import { TOTALS, type Totals } from "./figures";
import { ReportTags } from "./flags";
import { useReportUpdates, useStaleness } from "./reportQueries";

type Report = ListReportsQuery["listRevenueReports"]["items"][number];

const SHOWN_TOTALS: (keyof Totals)[] = ["totalRevenueAud", "vppTotalAud", "siteTotalAud"];

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
    cell: (report) => <StatusCell report={report} />,
    width: "minmax(8rem, 1fr)",
  },
];

const CREATED: Column<Report> = {
  id: "createdAt",
  header: "Requested",
  cell: ({ createdAt }) => formatDateTime(createdAt),
  sort: ({ createdAt }) => createdAt,
  width: "15rem",
};

const AMOUNTS: Column<Report>[] = TOTALS.filter(({ id }) => SHOWN_TOTALS.includes(id)).map(({ id, label }) => ({
  id,
  header: label,
  cell: ({ totals }) => totals && formatMoney(totals[id]),
  sort: ({ totals }) => parseCents(totals?.[id] ?? ""),
  numeric: true,
}));

const OWN_SITES: Column<Report> = {
  id: "own",
  header: "Your sites, after fees",
  cell: (report) =>
    report.lineItems?.nextToken ? "see the statement" : formatMoney(centsToDecimal(ownSitesCents(report))),
  sort: ownSitesCents,
  numeric: true,
  width: "14rem",
};

function ownSitesCents({ lineItems }: Report): bigint {
  return (lineItems?.items ?? []).reduce((sum, { afterFeesAud }) => sum + parseCents(afterFeesAud), 0n);
}

const ALL_VPPS_COLUMNS = [MONTH, VPP, ...STATE, ...AMOUNTS, CREATED];
const ONE_VPP_COLUMNS = [MONTH, ...STATE, ...AMOUNTS, CREATED];
const MEMBER_COLUMNS = [MONTH, { ...VPP, cell: ({ vpp }: Report) => vpp.name }, ...STATE, OWN_SITES, CREATED];

/** Lists reports, and subscribes to the pending ones. */
export function ReportTable({ reports, isOneVpp }: { reports: PaginatedList<Report>; isOneVpp: boolean }) {
  const mayRead = useHasRole("READER");
  return (
    <>
      {reports.items.map(
        ({ id, status }) => status === "PENDING" && <ReportWatcher key={id} id={id} done={reports.reload} />,
      )}
      <DataTable
        key={isOneVpp ? "of a VPP" : "of all"}
        label={mayRead ? "Reports" : "Statements"}
        columns={mayRead ? (isOneVpp ? ONE_VPP_COLUMNS : ALL_VPPS_COLUMNS) : MEMBER_COLUMNS}
        rows={reports.items}
        rowKey={({ id }) => id}
        {...(isOneVpp || !mayRead ? { initialSort: { id: "month", desc: true } } : {})}
        onLoadMore={reports.hasMore ? reports.loadMore : undefined}
        isLoading={reports.isLoading}
      />
    </>
  );
}

function StatusCell({ report }: { report: Report }) {
  return <ReportTags report={report} isStale={useStaleness(report).isStale} />;
}

function ReportWatcher({ id, done }: { id: string; done: () => void }) {
  useReportUpdates({ id }, done);
  return null;
}
