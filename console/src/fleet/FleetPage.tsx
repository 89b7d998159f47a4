/** The VPPs, by name, with the terms that hold today. */

import { useDeferredValue, useState } from "react";
import { Link, useNavigate } from "react-router";
import { useMutation } from "urql";

import { type Column, DataTable } from "../parts/DataTable";
import { DialogButton, FormDialog } from "../parts/FormDialog";
import { NumberInput, SearchInput, TextInput } from "../parts/fields";
import { formatMoment, money, percent } from "../parts/format";
import { PageHeader } from "../parts/PageHeader";
import { usePages } from "../parts/pages";
import { Empty, Failure, Loading } from "../parts/states";
import { CreateVppDocument, ListVppsDocument, type ListVppsQuery } from "../schema";
import { useMay } from "../session/session";

type Vpp = ListVppsQuery["listVpps"]["items"][number];

const COLUMNS: Column<Vpp>[] = [
  {
    id: "name",
    header: "Name",
    cell: ({ id, name }) => <Link to={`/vpps/${id}`}>{name}</Link>,
    sort: ({ name }) => name,
  },
  {
    id: "revenuePercentage",
    header: "Share of revenue",
    cell: (vpp) => percent(vpp.revenuePercentage),
    sort: (vpp) => vpp.revenuePercentage,
    numeric: true,
  },
  {
    id: "dailyFeeAud",
    header: "Daily fee",
    cell: (vpp) => money(String(vpp.dailyFeeAud)),
    sort: (vpp) => vpp.dailyFeeAud,
    numeric: true,
  },
  { id: "createdAt", header: "Entered", cell: (vpp) => formatMoment(vpp.createdAt), sort: (vpp) => vpp.createdAt },
];

export function FleetPage() {
  const [search, setSearch] = useState("");
  const nameContains = useDeferredValue(search.trim());
  const vpps = usePages(ListVppsDocument, { filter: nameContains ? { nameContains } : null }, (data) => data.listVpps);
  const mayChange = useMay("OPERATOR");

  return (
    <>
      <PageHeader title="Fleet" note="Virtual Power Plants, and the terms that hold today">
        {mayChange && (
          <DialogButton opens="create-vpp" className="button primary">
            Create a VPP
          </DialogButton>
        )}
      </PageHeader>
      <div className="stack">
        <SearchInput label="Find a VPP by name" value={search} onChange={setSearch} />
        {vpps.error && <Failure error={vpps.error} retry={vpps.reload} />}
        {vpps.isFirst ? (
          <Loading what="the VPPs" />
        ) : vpps.items.length === 0 ? (
          <Empty title={search ? "No VPP has this in its name" : "There is no VPP yet"}>
            {mayChange && !search && <p>Create one, add its sites and their batteries, and import a month's events.</p>}
          </Empty>
        ) : (
          <DataTable
            label="VPPs"
            columns={COLUMNS}
            rows={vpps.items}
            rowKey={({ id }) => id}
            more={vpps.hasMore ? vpps.more : undefined}
            isLoading={vpps.isLoading}
          />
        )}
      </div>
      <CreateVpp />
    </>
  );
}

function CreateVpp() {
  const navigate = useNavigate();
  const [, createVpp] = useMutation(CreateVppDocument);
  return (
    <FormDialog
      name="create-vpp"
      title="Create a VPP"
      initial={{ name: "", revenuePercentage: 20, dailyFeeAud: 0 }}
      submitLabel="Create VPP"
      submit={(values, id) => createVpp({ input: { id, ...values } })}
      done={({ createVpp }) => createVpp && navigate(`/vpps/${createVpp.id}`)}
    >
      {(form) => (
        <>
          <TextInput form={form} name="name" label="Name" isRequired autoFocus />
          <NumberInput
            form={form}
            name="revenuePercentage"
            label="Share of revenue the VPP takes"
            unit="%"
            min={0}
            max={100}
            isRequired
          />
          <NumberInput
            form={form}
            name="dailyFeeAud"
            label="Daily fee a site"
            unit="AUD"
            min={0}
            hint="Charged for 28 days of every month"
          />
          <p className="notice accent">These terms hold for every month, past ones included, until you change them.</p>
        </>
      )}
    </FormDialog>
  );
}
