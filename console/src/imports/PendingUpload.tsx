/** Resumes the upload for a registered import whose file is missing: the page was reloaded, or the upload failed. */

import { useEffect } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";
import { useClient } from "urql";

import { Notice } from "../components/Notice";
import type { ImportStateFragment } from "../schema";
import { FileDropZone } from "./FileDropZone";
import { SelectedFile } from "./SelectedFile";
import { UploadState } from "./UploadState";
import { isReady, uploads, useUploads } from "./uploads";

export function PendingUpload({ importState }: { importState: ImportStateFragment }) {
  const client = useClient();
  const upload = useUploads().find(({ id }) => id === importState.id);
  const isStarted = upload?.phase === "started";
  useEffect(() => {
    if (isStarted) uploads.remove(importState.id);
  }, [isStarted, importState.id]);

  // Checked before the status: the import of a duplicate file is already cancelled, but its notice must still be shown.
  if (upload && upload.phase !== "chosen") return <UploadState upload={upload} />;
  if (importState.status !== "AWAITING_UPLOAD") return null;
  return (
    <section className="stack" aria-label="Upload">
      <FileDropZone onSelect={(files) => uploads.add(files, [importState.kind], importState)}>
        {`The upload of ${importState.fileName} is not complete. Unless another tab is still uploading it, choose the file again`}
      </FileDropZone>
      {upload && (
        <>
          <SelectedFile upload={upload} onRemove={() => uploads.remove(importState.id)} />
          {upload.file.name === importState.fileName ? (
            <div className="row" style={{ justifyContent: "flex-end" }}>
              <Button
                className="button primary"
                isDisabled={!isReady(upload)}
                onPress={() => uploads.send(client, [importState.id])}
              >
                Import
              </Button>
            </div>
          ) : (
            <Notice tone="bad">
              This import expects {importState.fileName}, but you chose {upload.file.name}. Choose{" "}
              {importState.fileName}, or start <Link to="/imports">another import</Link>.
            </Notice>
          )}
        </>
      )}
    </section>
  );
}
