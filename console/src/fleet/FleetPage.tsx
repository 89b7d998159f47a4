/** The home page: VPPs and a site search for operators and readers; for a member, their own sites. */

import "./fleet.css";

import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { SearchField } from "../components/fields";
import { formatMoney, formatPercent } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListVppsDocument, type ListVppsQuery } from "../schema";
import { useCaller, useHasRole } from "../session/session";
import { MySites } from "./MySites";
import { SiteSearch } from "./SiteSearch";
import { useTextParam } from "./urlInputs";
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
    cell: (vpp) => formatPercent(vpp.revenuePercentage),
    sort: (vpp) => vpp.revenuePercentage,
    numeric: true,
    width: "11rem",
  },
  {
    id: "dailyFeeAud",
    header: "Daily fee, AUD",
    cell: (vpp) => formatMoney(String(vpp.dailyFeeAud)),
    sort: (vpp) => vpp.dailyFeeAud,
    numeric: true,
    width: "9.5rem",
  },
];

export function FleetPage() {
  const mayRead = useHasRole("READER");
  return mayRead ? <Fleet /> : <MySites />;
}

function Fleet() {
  const isRestricted = useCaller().vppIds !== null;
  // Callers restricted to some VPPs cannot create VPPs.
  const mayCreate = useHasRole("OPERATOR") && !isRestricted;
  return (
    <>
      <PageHeader title="Fleet" note="Virtual Power Plants, with their terms today in NEM time (UTC+10)">
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
  const { text, setText, value } = useTextParam("vpp");
  const vpps = usePaginatedList(
    ListVppsDocument,
    { filter: value ? { nameContains: value } : null },
    (data) => data.listVpps,
  );
  return (
    <div className="stack">
      <SearchField label="Find a VPP by name" value={text} onChange={setText} />
      {vpps.error && <Failure error={vpps.error} retry={vpps.reload} />}
      {vpps.isLoadingFirstPage ? (
        <Loading subject="the VPPs" />
      ) : vpps.items.length > 0 ? (
        <DataTable
          label="VPPs"
          columns={COLUMNS}
          rows={vpps.items}
          rowKey={({ id }) => id}
          onLoadMore={vpps.hasMore ? vpps.loadMore : undefined}
          isLoading={vpps.isLoading}
        />
      ) : (
        !vpps.error && (
          <Empty title={value ? "No VPP matches this name" : "There is no VPP yet"}>
            {mayCreate && !value && <p>Create one, add its sites and their batteries, and import a month's events.</p>}
          </Empty>
        )
      )}
    </div>
  );
}
