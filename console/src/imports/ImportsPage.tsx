/** New uploads, and the list of all imports, newest first. */

import "./imports.css";

import { useEffect, useRef } from "react";
import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { SelectField } from "../components/fields";
import { formatDateTime, formatInteger } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Forbidden, Loading } from "../components/states";
import { useUrlParams } from "../components/urlParams";
import { type ImportKind, type ImportStateFragment, type ImportStatus, ListImportsDocument } from "../schema";
import { useHasRole } from "../session/session";
import { ALL_KINDS, KINDS } from "./importKinds";
import { ALL_STATUSES, STATUSES } from "./importStatus";
import { useLiveImports } from "./liveImports";
import { NewImports } from "./NewImports";
import { formatPercentDone } from "./PercentBar";
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
  { id: "status", header: "Status", cell: (row) => <StatusTag importState={row} />, width: "11rem" },
  {
    id: "rowsRead",
    header: "Rows read",
    cell: ({ rowsRead }) => formatRowCount(rowsRead),
    numeric: true,
    width: "7rem",
  },
  {
    id: "rowsRejected",
    header: "Rejected",
    cell: ({ id, rowsRejected }) =>
      rowsRejected > 0 ? (
        <Link to={`/imports/${id}#rejections`}>
          {formatInteger(rowsRejected)}
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
    header: "Kind",
    cell: ({ kind, park }) => (park ? `Readings of ${park.name}` : KINDS[kind].label),
    width: "13rem",
  },
  {
    id: "createdAt",
    header: "Created",
    cell: ({ createdAt }) => <span className="small">{formatDateTime(createdAt)}</span>,
    width: "14rem",
  },
];

const formatRowCount = (rows: number) => (rows > 0 ? formatInteger(rows) : "—");

export function ImportsPage() {
  const mayImport = useHasRole("OPERATOR");
  if (!useHasRole("READER")) return <Forbidden audience="readers, operators and administrators" />;
  return (
    <>
      <PageHeader title="Imports" note="Battery events, parks and their readings, from CSV files" />
      <div className="stack" style={{ "--gap": "1.5rem" }}>
        {mayImport && <NewImports />}
        <ImportList mayImport={mayImport} />
      </div>
    </>
  );
}

function ImportList({ mayImport }: { mayImport: boolean }) {
  const [params, updateParams] = useUrlParams();
  const kind = (params.get("kind") ?? "") as ImportKind | "";
  const status = (params.get("status") ?? "") as ImportStatus | "";
  const filter = { kind: kind || null, status: status || null };
  const imports = usePaginatedList(ListImportsDocument, { filter }, (data) => data.listImports);
  const live = useLiveImports(imports.items);
  const { reload } = imports;

  // Reload the list when an upload of this tab is registered, and when it is finished.
  const sent = useUploads()
    .filter(({ phase }) => phase !== "chosen" && phase !== "waiting")
    .map(({ id, phase }) => `${id} ${phase}`)
    .join();
  const loadedFor = useRef(sent);
  useEffect(() => {
    if (loadedFor.current === sent) return;
    loadedFor.current = sent;
    reload();
  }, [sent, reload]);

  const setFilter = (name: string, value: string) =>
    updateParams(
      (current) => {
        if (value) current.set(name, value);
        else current.delete(name);
      },
      { replace: true },
    );

  return (
    <section className="stack" aria-label="All imports">
      <div className="row apart" style={{ alignItems: "end" }}>
        <h2>All imports</h2>
        <div className="row">
          <SelectField
            label="Kind"
            value={kind}
            onChange={(chosen) => setFilter("kind", chosen)}
            options={[{ value: "", label: "Any" }, ...ALL_KINDS.map((value) => ({ value, label: KINDS[value].label }))]}
          />
          <SelectField
            label="Status"
            value={status}
            onChange={(chosen) => setFilter("status", chosen)}
            options={[
              { value: "", label: "Any" },
              ...ALL_STATUSES.map((value) => ({ value, label: STATUSES[value].label })),
            ]}
          />
        </div>
      </div>
      {imports.error && <Failure error={imports.error} retry={imports.reload} />}
      {imports.isLoadingFirstPage ? (
        <Loading subject="the imports" />
      ) : live.length === 0 ? (
        kind || status ? (
          <Empty title="No imports match the filter" />
        ) : (
          <Empty title="No imports yet">
            {mayImport && <p>Choose a file above. You see a preview before it is sent.</p>}
          </Empty>
        )
      ) : (
        <DataTable
          label="Imports"
          columns={COLUMNS}
          rows={live}
          rowKey={({ id }) => id}
          onLoadMore={imports.hasMore ? imports.loadMore : undefined}
          isLoading={imports.isLoading}
        />
      )}
    </section>
  );
}

function StatusTag({ importState: { status, percentComplete } }: { importState: ImportStateFragment }) {
  const { label, tone } = STATUSES[status];
  return (
    <span className={`tag ${tone}`}>
      {label}
      {status === "RUNNING" && percentComplete ? (
        <span className="number">{formatPercentDone(percentComplete)}</span>
      ) : null}
    </span>
  );
}
