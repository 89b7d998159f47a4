/** A VPP: its terms today and by period, and its sites. */

import "./fleet.css";

import { Link, useParams } from "react-router";
import { useQuery } from "urql";

import { DialogButton } from "../components/FormDialog";
import { formatDay, formatMoney, formatPercent, today } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { Failure, Forbidden } from "../components/states";
import { Timeline } from "../components/Timeline";
import { GetVppDocument, type GetVppQuery } from "../schema";
import { useHasRole } from "../session/session";
import { ObjectFallback } from "./ObjectFallback";
import { ChangeTerms, DeleteVpp, RenameVpp } from "./VppDialogs";
import { VppSites } from "./VppSites";

export function VppPage() {
  const { vppId = "" } = useParams();
  const mayRead = useHasRole("READER");
  return mayRead ? (
    <VppDetails key={vppId} id={vppId} />
  ) : (
    <Forbidden audience="readers, operators and administrators" />
  );
}

function VppDetails({ id }: { id: string }) {
  const mayChange = useHasRole("OPERATOR");
  const [{ data, error }, read] = useQuery({
    query: GetVppDocument,
    variables: { id },
    requestPolicy: "cache-and-network",
  });
  const vpp = data?.getVpp;
  const retry = () => read({ requestPolicy: "network-only" });
  if (!vpp) return <ObjectFallback noun="VPP" isLoaded={data !== undefined} error={error} retry={retry} />;

  return (
    <>
      <PageHeader title={vpp.name} parent={{ to: "/", label: "Fleet" }}>
        <Link className="button" to={`/reports?vppId=${id}`}>
          Reports
        </Link>
        {mayChange && (
          <>
            <DialogButton opens="rename-vpp" about={id}>
              Rename
            </DialogButton>
            <DialogButton opens="delete-vpp" about={id} className="button danger">
              Delete
            </DialogButton>
          </>
        )}
      </PageHeader>
      <div className="stack">
        {error && <Failure error={error} retry={retry} />}
        <div className="grid">
          <Terms vpp={vpp} mayChange={mayChange} />
          <section className="card stack" aria-labelledby="terms-by-period">
            <h2 id="terms-by-period">Terms by period</h2>
            <Timeline
              label="Terms by period"
              periods={vpp.priceSchedules.map((schedule) => ({
                ...schedule,
                key: schedule.effectiveFrom ?? "always",
                content: `${formatPercent(schedule.revenuePercentage)} of revenue, daily fee ${formatMoney(String(schedule.dailyFeeAud))} AUD`,
              }))}
            />
          </section>
        </div>
        <VppSites vppId={id} vppName={vpp.name} mayChange={mayChange} />
      </div>
      {mayChange && (
        <>
          <RenameVpp vpp={vpp} />
          <ChangeTerms vpp={vpp} />
          <DeleteVpp vpp={vpp} />
        </>
      )}
    </>
  );
}

function Terms({ vpp, mayChange }: { vpp: NonNullable<GetVppQuery["getVpp"]>; mayChange: boolean }) {
  return (
    <section className="card stack" aria-labelledby="terms-today">
      <div className="row apart">
        <h2 id="terms-today">Terms today</h2>
        <span className="soft small">{formatDay(today())}, NEM time (UTC+10)</span>
      </div>
      <dl className="grid figure" style={{ "--column": "10rem" }}>
        <div>
          <dt>Share of revenue the VPP takes</dt>
          <dd className="large">{formatPercent(vpp.revenuePercentage)}</dd>
        </div>
        <div>
          <dt>Daily fee per site, AUD</dt>
          <dd className="large">{formatMoney(String(vpp.dailyFeeAud))}</dd>
          <dd className="soft small">for 28 days of every month</dd>
        </div>
      </dl>
      {mayChange && (
        <div>
          <DialogButton opens="change-terms" about={vpp.id}>
            Change terms
          </DialogButton>
        </div>
      )}
    </section>
  );
}
