/** An import that was registered and whose file is not there yet: the page was reloaded, or its upload broke off. */

import { useEffect } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";
import { useClient } from "urql";

import { Notice } from "../components/Notice";
import type { ImportStateFragment } from "../schema";
import { ChooseFiles } from "./FileDropZone";
import { ChosenFile } from "./SelectedFile";
import { UploadState } from "./UploadState";
import { isReady, uploads, useUploads } from "./uploads";

export function AwaitedFile({ of }: { of: ImportStateFragment }) {
  const client = useClient();
  const upload = useUploads().find(({ id }) => id === of.id);
  const isStarted = upload?.phase === "started";
  useEffect(() => {
    if (isStarted) uploads.forget(of.id);
  }, [isStarted, of.id]);

  // That the same bytes were in already is told of an import that is cancelled by then.
  if (upload && upload.phase !== "chosen") return <UploadState upload={upload} />;
  if (of.status !== "AWAITING_UPLOAD") return null;
  return (
    <section className="stack" aria-label="Its file">
      <ChooseFiles choose={(files) => uploads.choose(files, [of.kind], of)}>
        {`The upload of ${of.fileName} is not complete. Unless another tab is still at it, choose the file again`}
      </ChooseFiles>
      {upload && (
        <>
          <ChosenFile upload={upload} leaveOut={() => uploads.forget(of.id)} />
          {upload.file.name === of.fileName ? (
            <div className="row" style={{ justifyContent: "flex-end" }}>
              <Button
                className="button primary"
                isDisabled={!isReady(upload)}
                onPress={() => uploads.send(client, [of.id])}
              >
                Import
              </Button>
            </div>
          ) : (
            <Notice tone="bad">
              This import is of {of.fileName}, and you chose {upload.file.name}. Choose {of.fileName}, or begin{" "}
              <Link to="/imports">another import</Link>.
            </Notice>
          )}
        </>
      )}
    </section>
  );
}
