/** A site: its memberships, its batteries on a day, and its events in a month. */

import "./fleet.css";

import { Link, useParams } from "react-router";
import { useQuery } from "urql";

import { CopyText } from "../components/CopyText";
import { DialogButton } from "../components/FormDialog";
import { formatDay, formatKwh, formatMoney, formatPercent, today } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { Failure } from "../components/states";
import { Timeline } from "../components/Timeline";
import { GetSiteDocument } from "../schema";
import { useCaller, useHasRole } from "../session/session";
import { Batteries } from "./Batteries";
import { ObjectFallback } from "./ObjectFallback";
import { AssignSite, DeleteSite, EditSite, UnassignSite } from "./SiteDialogs";
import { SiteEvents } from "./SiteEvents";
import type { Site } from "./types";
import { useDayParam } from "./urlInputs";

export function SitePage() {
  const { siteId = "" } = useParams();
  return <SiteDetails key={siteId} id={siteId} />;
}

function SiteDetails({ id }: { id: string }) {
  const mayRead = useHasRole("READER");
  const isOperator = useHasRole("OPERATOR");
  const isRestricted = useCaller().vppIds !== null;
  const day = useDayParam("on");
  const [{ data, error, operation }, read] = useQuery({
    query: GetSiteDocument,
    variables: { id, on: day.value },
    requestPolicy: "cache-and-network",
  });
  const site = data?.getSite;
  const retry = () => read({ requestPolicy: "network-only" });
  if (!site) return <ObjectFallback noun="site" isLoaded={data !== undefined} error={error} retry={retry} />;
  // Callers restricted to some VPPs still see sites that have left these VPPs, but can no longer change the sites.
  const hasLeft =
    isRestricted && site.memberships.every(({ effectiveUntil }) => effectiveUntil && effectiveUntil <= today());
  const mayChange = isOperator && !hasLeft;

  return (
    <>
      <PageHeader
        title={site.address}
        parent={{ to: "/", label: mayRead ? "Fleet" : "My sites" }}
        note={<CopyText label="NMI" text={site.nmi} />}
      >
        {!mayRead && (
          <Link className="button" to="/reports">
            Statements
          </Link>
        )}
        {mayChange && (
          <>
            <DialogButton opens="edit-site" about={id}>
              Edit
            </DialogButton>
            <DialogButton opens="delete-site" about={id} className="button danger">
              Delete
            </DialogButton>
          </>
        )}
      </PageHeader>
      <div className="stack">
        {error && <Failure error={error} retry={retry} />}
        <div className="grid">
          <Today site={site} mayRead={mayRead} isRestricted={isRestricted} />
          <section className="card stack" aria-labelledby="memberships">
            <div className="row apart">
              <h2 id="memberships">Memberships</h2>
              {mayChange && (
                <div className="row">
                  {site.memberships.some(({ effectiveUntil }) => !effectiveUntil || effectiveUntil > today()) && (
                    <DialogButton opens="unassign-site" about={id}>
                      Leave the VPP
                    </DialogButton>
                  )}
                  <DialogButton opens="assign-site" about={id}>
                    Assign to another VPP
                  </DialogButton>
                </div>
              )}
            </div>
            <Timeline
              label="Memberships"
              periods={site.memberships.map((membership) => ({
                ...membership,
                key: membership.effectiveFrom ?? "always",
                content: <VppLink vpp={membership.vpp} mayRead={mayRead} />,
              }))}
            />
          </section>
        </div>
        <Batteries site={site} on={operation?.variables.on ?? day.value} day={day} mayChange={mayChange} />
        <SiteEvents siteId={id} nmi={site.nmi} />
      </div>
      {mayChange && (
        <>
          <EditSite site={site} />
          <AssignSite site={site} />
          <UnassignSite site={site} />
          <DeleteSite site={site} />
        </>
      )}
    </>
  );
}

function Today({
  site: { vpp, capacityKwh },
  mayRead,
  isRestricted,
}: {
  site: Site;
  mayRead: boolean;
  isRestricted: boolean;
}) {
  return (
    <section className="card stack" aria-labelledby="today">
      <div className="row apart">
        <h2 id="today">Today</h2>
        <span className="soft small">{formatDay(today())}, NEM time (UTC+10)</span>
      </div>
      <dl className="grid figure" style={{ "--column": "10rem" }}>
        <div>
          <dt>VPP</dt>
          <dd className="large">
            {vpp ? <VppLink vpp={vpp} mayRead={mayRead} /> : isRestricted ? "None that you can access" : "None"}
          </dd>
          {vpp && (
            <dd className="soft small">
              takes {formatPercent(vpp.revenuePercentage)} of revenue, and {formatMoney(String(vpp.dailyFeeAud))} AUD a
              day for 28 days of every month
            </dd>
          )}
        </div>
        <div>
          <dt>Battery capacity</dt>
          <dd className="large">{formatKwh(capacityKwh)}</dd>
        </div>
      </dl>
    </section>
  );
}

/** A VPP's name, linked to its page if the caller may open the page. */
function VppLink({ vpp, mayRead }: { vpp: { id: string; name: string }; mayRead: boolean }) {
  return mayRead ? <Link to={`/vpps/${vpp.id}`}>{vpp.name}</Link> : vpp.name;
}
