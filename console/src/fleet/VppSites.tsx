/** The sites of a VPP on a settlement date, with a dialog to create one. */

import { Link, useNavigate } from "react-router";
import { useMutation } from "urql";

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton, FormDialog } from "../components/FormDialog";
import { DayField, EffectiveFromField, SearchField, TextInput } from "../components/fields";
import { formatDay, formatKwh } from "../components/format";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { CreateSiteDocument, ListSitesDocument, type ListSitesQuery } from "../schema";
import { useDayParam, useTextParam } from "./urlInputs";

type Site = ListSitesQuery["listSites"]["items"][number];

const COLUMNS: Column<Site>[] = [
  {
    id: "nmi",
    header: "NMI",
    cell: ({ id, nmi }) => <Link to={`/sites/${id}`}>{nmi}</Link>,
    sort: ({ nmi }) => nmi,
    width: "9rem",
  },
  {
    id: "address",
    header: "Address",
    cell: ({ address }) => address,
    sort: ({ address }) => address,
    width: "minmax(15rem, 1fr)",
  },
  {
    id: "capacityKwh",
    header: "Capacity on that day",
    cell: ({ capacityKwh }) => formatKwh(capacityKwh),
    sort: ({ capacityKwh }) => capacityKwh,
    numeric: true,
    width: "11rem",
  },
];

export function VppSites({ vppId, vppName, mayChange }: { vppId: string; vppName: string; mayChange: boolean }) {
  const day = useDayParam("on");
  const address = useTextParam("address");
  const on = day.value;
  const sites = usePaginatedList(
    ListSitesDocument,
    { filter: { vppId, on, ...(address.value ? { addressContains: address.value } : {}) }, on },
    (data) => data.listSites,
  );

  return (
    <section className="stack" aria-labelledby="sites">
      <div className="row apart">
        <h2 id="sites">Sites</h2>
        {mayChange && (
          <DialogButton opens="create-site" about={vppId} className="button primary">
            Create a site
          </DialogButton>
        )}
      </div>
      <div className="row fleet-filters">
        <SearchField label="Find by address" value={address.text} onChange={address.setText} />
        <DayField label="On the settlement date" value={day.text} onChange={(chosen) => day.setText(chosen ?? "")} />
      </div>
      {sites.error && <Failure error={sites.error} retry={sites.reload} />}
      {sites.isLoadingFirstPage ? (
        <Loading subject="the sites" />
      ) : sites.items.length > 0 ? (
        <DataTable
          label={`Sites on ${formatDay(on)}`}
          columns={COLUMNS}
          rows={sites.items}
          rowKey={({ id }) => id}
          onLoadMore={sites.hasMore ? sites.loadMore : undefined}
          isLoading={sites.isLoading}
        />
      ) : (
        !sites.error && (
          <Empty title={address.value ? "No site matches this address" : `No site on ${formatDay(on)}`}>
            <p>
              {address.value
                ? "The search covers only the sites of this VPP on that day."
                : "A site belongs to a VPP from the day it is created in or assigned to the VPP."}
            </p>
          </Empty>
        )
      )}
      {mayChange && <CreateSite vppId={vppId} vppName={vppName} />}
    </section>
  );
}

function CreateSite({ vppId, vppName }: { vppId: string; vppName: string }) {
  const navigate = useNavigate();
  const [, createSite] = useMutation(CreateSiteDocument);
  return (
    <FormDialog
      name="create-site"
      title={`Create a site in ${vppName}`}
      initial={{ nmi: "", address: "", effectiveFrom: null as string | null }}
      submitLabel="Create site"
      submit={(values, id) => createSite({ input: { id, vppId, ...values } })}
      onDone={({ createSite }) => createSite && navigate(`/sites/${createSite.id}`)}
    >
      {(form) => (
        <>
          <TextInput
            form={form}
            name="nmi"
            label="NMI"
            hint="10 characters, or 11 with the check digit"
            isRequired
            autoFocus
          />
          <TextInput form={form} name="address" label="Address" isRequired />
          <EffectiveFromField form={form} subject="The membership" />
        </>
      )}
    </FormDialog>
  );
}
