/** One import: its live progress or its result, and its rejected rows. */

import "./imports.css";

import { useParams } from "react-router";

import { formatDateTime } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { Failure, Forbidden, Loading, NotFound } from "../components/states";
import type { ImportStateFragment } from "../schema";
import { useHasRole } from "../session/session";
import { ImportActions } from "./ImportActions";
import { ImportProgress } from "./ImportProgress";
import { KINDS } from "./importKinds";
import { useImport } from "./liveImports";
import { PendingUpload } from "./PendingUpload";
import { RejectedRows } from "./RejectedRows";
import { UndecidedRows } from "./UndecidedRows";
import { Warnings } from "./Warnings";

const PARENT = { to: "/imports", label: "Imports" };

export function ImportPage() {
  const { importId = "" } = useParams();
  if (!useHasRole("READER")) return <Forbidden audience="readers, operators and administrators" />;
  return <ImportDetails key={importId} id={importId} />;
}

function ImportDetails({ id }: { id: string }) {
  const live = useImport(id);
  const mayImport = useHasRole("OPERATOR");
  const { import: importState, error, reload } = live;

  if (importState === null) return <NotFound noun="import" />;
  if (importState === undefined) {
    return (
      <>
        <PageHeader title="Import" parent={PARENT} />
        {error ? <Failure error={error} retry={reload} /> : <Loading subject="the import" />}
      </>
    );
  }
  return (
    <>
      <PageHeader title={importState.fileName} parent={PARENT} note={<ImportSubtitle importState={importState} />}>
        {mayImport && <ImportActions importState={importState} onUpdate={live.setImport} />}
      </PageHeader>
      <div className="stack" style={{ "--gap": "1.5rem" }}>
        {error && <Failure error={error} retry={reload} />}
        {mayImport && <PendingUpload importState={importState} />}
        <ImportProgress importState={importState} live={live} />
        {importState.rowsUndecided > 0 && <UndecidedRows importState={importState} onUpdate={live.setImport} />}
        <Warnings importState={importState} />
        {importState.rowsRejected > 0 && <RejectedRows importState={importState} />}
      </div>
    </>
  );
}

function ImportSubtitle({ importState: { kind, park, createdAt } }: { importState: ImportStateFragment }) {
  return (
    <>
      {park ? `Readings of ${park.name}` : KINDS[kind].label}, registered {formatDateTime(createdAt)}
    </>
  );
}
