/** One import: what it is at or what became of it, live, and the rows it left out. */

import "./imports.css";

import { useParams } from "react-router";

import { formatMoment } from "../components/format";
import { PageHeader } from "../components/PageHeader";
import { Failure, Forbidden, Loading, NotFound } from "../components/states";
import type { ImportStateFragment } from "../schema";
import { useMay } from "../session/session";
import { ImportActions } from "./ImportActions";
import { Progress } from "./ImportProgress";
import { KINDS } from "./importKinds";
import { useImport } from "./liveImports";
import { AwaitedFile } from "./PendingUpload";
import { RejectedRows } from "./RejectedRows";
import { Warnings } from "./Warnings";

const UP = { to: "/imports", label: "Imports" };

export function ImportPage() {
  const { importId = "" } = useParams();
  if (!useMay("READER")) return <Forbidden needs="those who may see all sites" />;
  return <OneImport key={importId} id={importId} />;
}

function OneImport({ id }: { id: string }) {
  const followed = useImport(id);
  const mayImport = useMay("OPERATOR");
  const { import: there, error, reload } = followed;

  if (there === null) return <NotFound what="import" />;
  if (there === undefined) {
    return (
      <>
        <PageHeader title="Import" up={UP} />
        {error ? <Failure error={error} retry={reload} /> : <Loading what="the import" />}
      </>
    );
  }
  return (
    <>
      <PageHeader title={there.fileName} up={UP} note={<About of={there} />}>
        {mayImport && <ImportActions of={there} take={followed.take} />}
      </PageHeader>
      <div className="stack" style={{ "--gap": "1.5rem" }}>
        {error && <Failure error={error} retry={reload} />}
        {mayImport && <AwaitedFile of={there} />}
        <Progress of={there} followed={followed} />
        {there.rowsDuplicated > 0 && <Warnings of={there} />}
        {there.rowsRejected > 0 && <RejectedRows of={there} />}
      </div>
    </>
  );
}

function About({ of: { kind, park, createdAt } }: { of: ImportStateFragment }) {
  return (
    <>
      {park ? `Readings of ${park.name}` : KINDS[kind].label}, registered {formatMoment(createdAt)}
    </>
  );
}
