/** The actions on an import: restart, cancel and revert. The dialogs list the consequences before anything happens. */

import { useState } from "react";
import { Button } from "react-aria-components";
import { type CombinedError, useMutation } from "urql";

import { DialogButton, FormDialog } from "../components/FormDialog";
import { formatInteger } from "../components/format";
import { Failure } from "../components/states";
import { CancelImportDocument, type ImportStateFragment, RevertImportDocument, StartImportDocument } from "../schema";
import { countsImmediately } from "./importStatus";
import { uploads } from "./uploads";

interface Props {
  importState: ImportStateFragment;
  onUpdate: (told: ImportStateFragment) => void;
}

export function ImportActions({ importState, onUpdate }: Props) {
  const isOver =
    importState.status === "COMPLETED" || importState.status === "CANCELLED" || importState.status === "REVERTED";
  return (
    <>
      {importState.status === "FAILED" && <RestartButton importState={importState} onUpdate={onUpdate} />}
      {!isOver && (
        <DialogButton opens="cancel-import" className="button danger">
          Cancel import
        </DialogButton>
      )}
      {importState.status === "COMPLETED" && (
        <DialogButton opens="revert-import" className="button danger">
          Revert import
        </DialogButton>
      )}
      <CancelDialog importState={importState} onUpdate={onUpdate} />
      <RevertDialog importState={importState} onUpdate={onUpdate} />
    </>
  );
}

function RestartButton({ importState: { id }, onUpdate }: Props) {
  const [{ fetching }, start] = useMutation(StartImportDocument);
  const [error, setError] = useState<CombinedError>();

  async function restart() {
    const { data, error } = await start({ input: { id } });
    setError(error);
    if (data?.startImport) onUpdate(data.startImport);
  }

  return (
    <>
      {error && <Failure error={error} />}
      <Button className="button" isPending={fetching} onPress={() => void restart()}>
        Restart import
      </Button>
    </>
  );
}

function CancelDialog({ importState, onUpdate }: Props) {
  const [, cancel] = useMutation(CancelImportDocument);
  return (
    <FormDialog
      name="cancel-import"
      title="Cancel this import?"
      initial={{}}
      submitLabel="Cancel the import"
      cancelLabel="Keep the import"
      tone="danger"
      submit={() => cancel({ input: { id: importState.id } })}
      onDone={({ cancelImport }) => {
        uploads.abort(importState.id);
        if (cancelImport) onUpdate(cancelImport);
      }}
    >
      {() => (
        <ul className="consequences">
          <li>{describeUndo(importState)}</li>
          {importState.rowsRejected > 0 && <li>Its rejected rows stay visible here.</li>}
          <li>It stays in the list as cancelled, and cannot be restarted. You can import the file again.</li>
          <li>Reports do not change.</li>
        </ul>
      )}
    </FormDialog>
  );
}

function describeUndo({ kind, status, rowsImported }: ImportStateFragment): string {
  if (status === "AWAITING_UPLOAD") return "Nothing has been imported, and nothing will be.";
  if (kind === "PARKS") return "Parks that it created or changed return to their previous state.";
  if (kind === "PARK_READINGS") return "The park's readings return to their previous values.";
  return rowsImported > 0
    ? `None of its rows will count: the ${formatInteger(rowsImported)} imported so far ${rowsImported === 1 ? "is" : "are"} removed.`
    : "None of its rows will count.";
}

function RevertDialog({ importState, onUpdate }: Props) {
  const [, revert] = useMutation(RevertImportDocument);
  return (
    <FormDialog
      name="revert-import"
      title="Revert this import?"
      initial={{}}
      submitLabel="Revert the import"
      cancelLabel="Keep the import"
      tone="danger"
      submit={() => revert({ input: { id: importState.id } })}
      onDone={({ revertImport }) => revertImport && onUpdate(revertImport)}
    >
      {() => (
        <ul className="consequences">
          {countsImmediately(importState.kind) ? (
            <>
              <li>
                {importState.kind === "PARKS" ? "Parks it created or changed" : "The park's readings"} return to their
                previous state, except where a later import has changed them.
              </li>
              <li>The statistics of {importState.kind === "PARKS" ? "these parks" : "the park"} change too.</li>
            </>
          ) : (
            <>
              <li>
                Its{" "}
                {importState.rowsImported === 1
                  ? "1 row no longer counts"
                  : `${formatInteger(importState.rowsImported)} rows no longer count`}
                . Where other imports contain the same rows, those count instead.
              </li>
              <li>
                Existing reports do not change. Reports of affected months are marked as stale; settle those months
                again to add a revision.
              </li>
            </>
          )}
          <li>The same file can then be imported again.</li>
        </ul>
      )}
    </FormDialog>
  );
}
