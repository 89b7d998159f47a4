/** What there is: for those who run VPPs, these and a way to any site; for a site's owner, the sites that are theirs. */

import "./fleet.css";

import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { SearchInput } from "../components/fields";
import { money, percent } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePages } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListVppsDocument, type ListVppsQuery } from "../schema";
import { useCaller, useMay } from "../session/session";
import { MySites } from "./MySites";
import { SiteSearch } from "./SiteSearch";
import { useSearch } from "./urlInputs";
import { CreateVpp } from "./VppDialogs";

type Vpp = ListVppsQuery["listVpps"]["items"][number];

const COLUMNS: Column<Vpp>[] = [
  {
    id: "name",
    header: "Name",
    cell: ({ id, name }) => <Link to={`/vpps/${id}`}>{name}</Link>,
    sort: ({ name }) => name,
    width: "minmax(12rem, 1fr)",
  },
  {
    id: "revenuePercentage",
    header: "Share of revenue",
    cell: (vpp) => percent(vpp.revenuePercentage),
    sort: (vpp) => vpp.revenuePercentage,
    numeric: true,
    width: "11rem",
  },
  {
    id: "dailyFeeAud",
    header: "Daily fee, AUD",
    cell: (vpp) => money(String(vpp.dailyFeeAud)),
    sort: (vpp) => vpp.dailyFeeAud,
    numeric: true,
    width: "9.5rem",
  },
];

export function FleetPage() {
  const mayRead = useMay("READER");
  return mayRead ? <Fleet /> : <MySites />;
}

function Fleet() {
  const isHeld = useCaller().vppIds !== null;
  // Whoever is held to some VPPs cannot create another.
  const mayCreate = useMay("OPERATOR") && !isHeld;
  return (
    <>
      <PageHeader title="Fleet" note="Virtual Power Plants, and the terms that hold today, NEM time (UTC+10)">
        {mayCreate && (
          <DialogButton opens="create-vpp" className="button primary">
            Create a VPP
          </DialogButton>
        )}
      </PageHeader>
      <div className="fleet-columns">
        <SiteSearch />
        <Vpps mayCreate={mayCreate} />
      </div>
      {mayCreate && <CreateVpp />}
    </>
  );
}

function Vpps({ mayCreate }: { mayCreate: boolean }) {
  const { entered, enter, asked } = useSearch("vpp");
  const vpps = usePages(ListVppsDocument, { filter: asked ? { nameContains: asked } : null }, (data) => data.listVpps);
  return (
    <div className="stack">
      <SearchInput label="Find a VPP by name" value={entered} onChange={enter} />
      {vpps.error && <Failure error={vpps.error} retry={vpps.reload} />}
      {vpps.isFirst ? (
        <Loading what="the VPPs" />
      ) : vpps.items.length > 0 ? (
        <DataTable
          label="VPPs"
          columns={COLUMNS}
          rows={vpps.items}
          rowKey={({ id }) => id}
          more={vpps.hasMore ? vpps.more : undefined}
          isLoading={vpps.isLoading}
        />
      ) : (
        !vpps.error && (
          <Empty title={asked ? "No VPP has this in its name" : "There is no VPP yet"}>
            {mayCreate && !asked && <p>Create one, add its sites and their batteries, and import a month's events.</p>}
          </Empty>
        )
      )}
    </div>
  );
}
