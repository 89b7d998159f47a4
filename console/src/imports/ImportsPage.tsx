/** Files on their way in, and all that ever came: newest first. */

import "./imports.css";

import { useEffect, useRef } from "react";
import { Link } from "react-router";
import { type Column, DataTable } from "../components/DataTable";
import { ChoiceOf } from "../components/fields";
import { count, formatMoment } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePages } from "../components/paginatedList";
import { Empty, Failure, Forbidden, Loading } from "../components/states";
import { useAddress } from "../components/urlParams";
import { type ImportKind, type ImportStateFragment, type ImportStatus, ListImportsDocument } from "../schema";
import { useMay } from "../session/session";
import { ALL_KINDS, KINDS } from "./importKinds";
import { ALL_STATES, STATES } from "./importStatus";
import { useLive } from "./liveImports";
import { NewImports } from "./NewImports";
import { inPercent } from "./PercentBar";
import { useUploads } from "./uploads";

const COLUMNS: Column<ImportStateFragment>[] = [
  {
    id: "fileName",
    header: "File",
    cell: ({ id, fileName }) => (
      <Link className="file-name" to={`/imports/${id}`}>
        {fileName}
      </Link>
    ),
    width: "minmax(12rem, 1fr)",
  },
  { id: "status", header: "State", cell: (each) => <State of={each} />, width: "11rem" },
  { id: "rowsRead", header: "Rows read", cell: ({ rowsRead }) => some(rowsRead), numeric: true, width: "7rem" },
  {
    id: "rowsRejected",
    header: "Rejected",
    cell: ({ id, rowsRejected }) =>
      rowsRejected > 0 ? (
        <Link to={`/imports/${id}#rejections`}>
          {count(rowsRejected)}
          <span className="visually-hidden"> rejected rows</span>
        </Link>
      ) : (
        "—"
      ),
    numeric: true,
    width: "6rem",
  },
  {
    id: "kind",
    header: "What it is",
    cell: ({ kind, park }) => (park ? `Readings of ${park.name}` : KINDS[kind].label),
    width: "13rem",
  },
  {
    id: "createdAt",
    header: "Begun",
    cell: ({ createdAt }) => <span className="small">{formatMoment(createdAt)}</span>,
    width: "14rem",
  },
];

const some = (rows: number) => (rows > 0 ? count(rows) : "—");

export function ImportsPage() {
  const mayImport = useMay("OPERATOR");
  if (!useMay("READER")) return <Forbidden needs="those who may see all sites" />;
  return (
    <>
      <PageHeader title="Imports" note="Battery events, parks and their readings, from CSV files" />
      <div className="stack" style={{ "--gap": "1.5rem" }}>
        {mayImport && <NewImports />}
        <List mayImport={mayImport} />
      </div>
    </>
  );
}

function List({ mayImport }: { mayImport: boolean }) {
  const [params, change] = useAddress();
  const kind = (params.get("kind") ?? "") as ImportKind | "";
  const status = (params.get("status") ?? "") as ImportStatus | "";
  const filter = { kind: kind || null, status: status || null };
  const imports = usePages(ListImportsDocument, { filter }, (data) => data.listImports);
  const live = useLive(imports.items);
  const { reload } = imports;

  // What this tab sends is in the list as soon as it is registered, and when it is through.
  const sent = useUploads()
    .filter(({ phase }) => phase !== "chosen" && phase !== "waiting")
    .map(({ id, phase }) => `${id} ${phase}`)
    .join();
  const read = useRef(sent);
  useEffect(() => {
    if (read.current === sent) return;
    read.current = sent;
    reload();
  }, [sent, reload]);

  const narrow = (name: string, value: string) =>
    change(
      (present) => {
        if (value) present.set(name, value);
        else present.delete(name);
      },
      { replace: true },
    );

  return (
    <section className="stack" aria-label="All imports">
      <div className="row apart" style={{ alignItems: "end" }}>
        <h2>All imports</h2>
        <div className="row">
          <ChoiceOf
            label="What it is"
            value={kind}
            onChange={(chosen) => narrow("kind", chosen)}
            options={[
              { value: "", label: "Anything" },
              ...ALL_KINDS.map((value) => ({ value, label: KINDS[value].label })),
            ]}
          />
          <ChoiceOf
            label="State"
            value={status}
            onChange={(chosen) => narrow("status", chosen)}
            options={[
              { value: "", label: "Any" },
              ...ALL_STATES.map((value) => ({ value, label: STATES[value].label })),
            ]}
          />
        </div>
      </div>
      {imports.error && <Failure error={imports.error} retry={imports.reload} />}
      {imports.isFirst ? (
        <Loading what="the imports" />
      ) : live.length === 0 ? (
        kind || status ? (
          <Empty title="No import is of this kind and in this state" />
        ) : (
          <Empty title="Nothing was imported yet">
            {mayImport && <p>Choose a file above: you see what is in it before it is sent.</p>}
          </Empty>
        )
      ) : (
        <DataTable
          label="Imports"
          columns={COLUMNS}
          rows={live}
          rowKey={({ id }) => id}
          more={imports.hasMore ? imports.more : undefined}
          isLoading={imports.isLoading}
        />
      )}
    </section>
  );
}

function State({ of: { status, percentComplete } }: { of: ImportStateFragment }) {
  const { label, tone } = STATES[status];
  return (
    <span className={`tag ${tone}`}>
      {label}
      {status === "RUNNING" && percentComplete ? <span className="number">{inPercent(percentComplete)}</span> : null}
    </span>
  );
}
