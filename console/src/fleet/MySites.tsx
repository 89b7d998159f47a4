/** A member's home page: their own sites. */

import { Link } from "react-router";

import { formatKwh } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListSitesDocument } from "../schema";
import { ShowMoreButton } from "./ShowMoreButton";

export function MySites() {
  const sites = usePaginatedList(ListSitesDocument, {}, (data) => data.listSites);
  return (
    <>
      <PageHeader title="My sites" note="You see your own sites and their statements, nothing else.">
        <Link className="button" to="/reports">
          Statements
        </Link>
      </PageHeader>
      <div className="stack">
        {sites.error && <Failure error={sites.error} retry={sites.reload} />}
        {sites.isLoadingFirstPage ? (
          <Loading subject="your sites" />
        ) : sites.items.length === 0 && !sites.error ? (
          <Empty title="You have no sites yet">
            <p>Your key gives access to no site. Ask the operator of your VPP for a key for your sites.</p>
          </Empty>
        ) : (
          <ul className="grid" style={{ "--column": "22rem" }} aria-label="My sites">
            {sites.items.map(({ id, nmi, address, vpp, capacityKwh }) => (
              <li key={id} className="card stack" style={{ "--gap": "0.75rem" }}>
                <h2>
                  <Link to={`/sites/${id}`}>{address}</Link>
                </h2>
                <dl className="grid figure" style={{ "--column": "6.5rem" }}>
                  <div>
                    <dt>NMI</dt>
                    <dd>{nmi}</dd>
                  </div>
                  <div>
                    <dt>Capacity today</dt>
                    <dd>{formatKwh(capacityKwh)}</dd>
                  </div>
                  <div>
                    <dt>VPP today</dt>
                    <dd>{vpp?.name ?? "None"}</dd>
                  </div>
                </dl>
              </li>
            ))}
          </ul>
        )}
        <ShowMoreButton list={sites} />
      </div>
    </>
  );
}
