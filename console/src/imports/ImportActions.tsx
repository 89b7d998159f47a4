/** What can be done to an import: go on with it, give it up, or take it back. Each says beforehand what it means. */

import { useState } from "react";
import { Button } from "react-aria-components";
import { type CombinedError, useMutation } from "urql";

import { DialogButton, FormDialog } from "../components/FormDialog";
import { count } from "../components/format";
import { Failure } from "../components/states";
import { CancelImportDocument, type ImportStateFragment, RevertImportDocument, StartImportDocument } from "../schema";
import { countsAtOnce } from "./importStatus";
import { uploads } from "./uploads";

interface Props {
  of: ImportStateFragment;
  take: (told: ImportStateFragment) => void;
}

export function ImportActions({ of, take }: Props) {
  const isOver = of.status === "COMPLETED" || of.status === "CANCELLED" || of.status === "REVERTED";
  return (
    <>
      {of.status === "FAILED" && <StartAgain of={of} take={take} />}
      {!isOver && (
        <DialogButton opens="cancel-import" className="button danger">
          Cancel import
        </DialogButton>
      )}
      {of.status === "COMPLETED" && (
        <DialogButton opens="revert-import" className="button danger">
          Revert import
        </DialogButton>
      )}
      <Cancel of={of} take={take} />
      <Revert of={of} take={take} />
    </>
  );
}

function StartAgain({ of: { id }, take }: Props) {
  const [{ fetching }, start] = useMutation(StartImportDocument);
  const [error, setError] = useState<CombinedError>();

  async function again() {
    const { data, error } = await start({ input: { id } });
    setError(error);
    if (data?.startImport) take(data.startImport);
  }

  return (
    <>
      {error && <Failure error={error} />}
      <Button className="button" isPending={fetching} onPress={() => void again()}>
        Start again
      </Button>
    </>
  );
}

function Cancel({ of, take }: Props) {
  const [, cancel] = useMutation(CancelImportDocument);
  return (
    <FormDialog
      name="cancel-import"
      title="Cancel this import?"
      initial={{}}
      submitLabel="Cancel the import"
      keepLabel="Keep it"
      tone="danger"
      submit={() => cancel({ input: { id: of.id } })}
      done={({ cancelImport }) => {
        uploads.abandon(of.id);
        if (cancelImport) take(cancelImport);
      }}
    >
      {() => (
        <ul className="says">
          <li>{takenBack(of)}</li>
          {of.rowsRejected > 0 && <li>The rejected rows it has found stay here to be read.</li>}
          <li>It stays in the list as cancelled, and cannot be started again: the file can be imported anew.</li>
          <li>Reports stay as they are.</li>
        </ul>
      )}
    </FormDialog>
  );
}

function takenBack({ kind, status, rowsImported }: ImportStateFragment): string {
  if (status === "AWAITING_UPLOAD") return "Nothing of it is imported, and nothing will be.";
  if (kind === "PARKS") return "Parks that it created or changed become what they were before it.";
  if (kind === "PARK_READINGS") return "The park's readings become what they were before it.";
  return rowsImported > 0
    ? `None of its rows will count: ${rowsImported === 1 ? "the one that is in is" : `the ${count(rowsImported)} that are in are`} taken back.`
    : "None of its rows will count.";
}

function Revert({ of, take }: Props) {
  const [, revert] = useMutation(RevertImportDocument);
  return (
    <FormDialog
      name="revert-import"
      title="Take all of this import back?"
      initial={{}}
      submitLabel="Revert the import"
      keepLabel="Keep it"
      tone="danger"
      submit={() => revert({ input: { id: of.id } })}
      done={({ revertImport }) => revertImport && take(revertImport)}
    >
      {() => (
        <ul className="says">
          {countsAtOnce(of.kind) ? (
            <>
              <li>
                {of.kind === "PARKS" ? "Parks it created or changed" : "The park's readings"} become what they were
                before it, where no later import has changed them.
              </li>
              <li>Statistics of {of.kind === "PARKS" ? "these parks" : "the park"} change with them.</li>
            </>
          ) : (
            <>
              <li>
                Its{" "}
                {of.rowsImported === 1 ? "1 row no longer counts" : `${count(of.rowsImported)} rows no longer count`}.
                Where other imports brought the same rows, theirs count from then on.
              </li>
              <li>
                Reports already generated stay as they are. Those of months it changes are marked as stale, and settling
                again adds a revision.
              </li>
            </>
          )}
          <li>The same file can then be imported again.</li>
        </ul>
      )}
    </FormDialog>
  );
}
