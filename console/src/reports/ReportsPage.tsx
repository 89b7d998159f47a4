/** The reports; for a member, the statements of their own sites. */

import "./reports.css";

import { MonthField } from "../components/fields";
import { addMonths, formatMonth, thisMonth } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading, NotFound } from "../components/states";
import { useUrlParams } from "../components/urlParams";
import { ListReportsDocument } from "../schema";
import { useHasRole } from "../session/session";
import { ReportTable } from "./ReportTable";
import { useReportUpdates, useVpp } from "./reportQueries";
import { SettleButton, SettlingNotice, useSettling } from "./Settle";
import { isMonth } from "./terms";
import { VppField } from "./VppField";

export function ReportsPage() {
  const mayRead = useHasRole("READER");
  return mayRead ? <Reports /> : <Statements />;
}

function Reports() {
  const [params, updateParams] = useUrlParams();
  const vppId = params.get("vppId");
  const requestedMonth = params.get("month") ?? "";
  const month = isMonth(requestedMonth) ? requestedMonth : addMonths(thisMonth(), -1);
  const { vpp, isMissing, error, refetch } = useVpp(vppId);
  const reports = usePaginatedList(
    ListReportsDocument,
    { filter: vppId ? { vppId } : null, mayRead: true },
    (data) => data.listRevenueReports,
    { pause: isMissing },
  );
  const mayChange = useHasRole("OPERATOR");
  const set = (name: string, value: string) => updateParams((current) => current.set(name, value), { replace: true });
  useReportUpdates(isMissing ? null : { vppId }, reports.reload);

  if (isMissing) return <NotFound noun="VPP" />;
  return (
    <>
      <PageHeader
        title="Reports"
        note="Settled months, in Australian dollars (AUD). Months are in NEM time (UTC+10)."
      />
      <div className="stack">
        <section className="card stack" aria-label="Choose a VPP and a month">
          <div className="month-choices">
            <VppField vppId={vppId} chosen={vpp} onChange={(id) => set("vppId", id)} />
            <MonthField label="Month" value={month} onChange={(chosen) => set("month", chosen)} />
            {mayChange && vpp && (
              <GenerateReport key={`${vpp.id} ${month}`} vpp={vpp} month={month} done={reports.reload} />
            )}
          </div>
          {!vpp && <p className="soft">Choose a VPP to see its months{mayChange && ", and to settle one"}.</p>}
        </section>
        {error && <Failure error={error} retry={refetch} />}
        <h2>{vpp ? `Reports of ${vpp.name}` : "Latest reports"}</h2>
        {reports.error && <Failure error={reports.error} retry={reports.reload} />}
        {reports.isLoadingFirstPage ? (
          <Loading subject="the reports" />
        ) : reports.items.length === 0 && !reports.error ? (
          <Empty title={vpp ? "No month of this VPP has a report yet" : "There is no report yet"}>
            <p>
              {mayChange
                ? "Choose a VPP and a month, and generate its report once the events are imported."
                : "Operators generate reports."}
            </p>
          </Empty>
        ) : (
          <ReportTable reports={reports} isOneVpp={vpp !== null} />
        )}
      </div>
    </>
  );
}

function GenerateReport({ vpp, month, done }: { vpp: { id: string; name: string }; month: string; done: () => void }) {
  const settling = useSettling(vpp.id, month, done);
  return (
    <>
      <SettleButton settling={settling} label={`Generate the report of ${formatMonth(month)}`} />
      <div className="outcome">
        <SettlingNotice settling={settling} month={month} to={`/reports/${vpp.id}/${month}`} />
      </div>
    </>
  );
}

function Statements() {
  const statements = usePaginatedList(
    ListReportsDocument,
    { filter: null, mayRead: false },
    (data) => data.listRevenueReports,
  );
  useReportUpdates({}, statements.reload);
  return (
    <>
      <PageHeader
        title="Statements"
        note="What your sites received, month by month, in Australian dollars (AUD). Months are in NEM time (UTC+10)."
      />
      {statements.error && <Failure error={statements.error} retry={statements.reload} />}
      {statements.isLoadingFirstPage ? (
        <Loading subject="your statements" />
      ) : statements.items.length === 0 && !statements.error ? (
        <Empty title="There is no statement for your sites yet">
          <p>You get one for each month that your Virtual Power Plant settles.</p>
        </Empty>
      ) : (
        <ReportTable reports={statements} isOneVpp={false} />
      )}
    </>
  );
}
