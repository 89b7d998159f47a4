/** An upload's progress, or its result. */

import { Button } from "react-aria-components";
import { Link } from "react-router";
import { useClient } from "urql";

import { formatBytes, formatDateTime, formatDuration } from "../components/format";
import { Notice } from "../components/Notice";
import type { ImportStateFragment } from "../schema";
import { STATUSES } from "./importStatus";
import { PercentBar } from "./PercentBar";
import { isUnderWay, type Upload, uploads } from "./uploads";

export function UploadState({ upload }: { upload: Upload }) {
  const client = useClient();
  const { id, file, phase, message, duplicateOf } = upload;
  return (
    <article className="card stack" aria-label={file.name} style={{ "--gap": "0.6rem" }}>
      <div className="row apart top">
        <h2>{file.name}</h2>
        {isUnderWay(upload) && (
          <Button
            className="button"
            aria-label={`Stop uploading ${file.name}`}
            onPress={() => void uploads.stop(client, upload)}
          >
            Stop
          </Button>
        )}
      </div>
      {phase === "waiting" && <p className="soft">Waiting for the previous file.</p>}
      {phase === "uploading" && (
        <>
          <PercentBar label="Uploading" percent={(100 * upload.bytesSent) / file.size} />
          <p className="soft small">{progressLabel(upload)}</p>
        </>
      )}
      {phase === "starting" && <p role="status">Uploaded. The import is being started.</p>}
      {phase === "started" && (
        <p role="status">
          Uploaded. <Link to={`/imports/${id}`}>View the import</Link>
        </p>
      )}
      {phase === "duplicate" && <DuplicateNotice duplicateOf={duplicateOf} />}
      {phase === "failed" && (
        <Notice tone="bad" live>
          <p>{message}</p>
        </Notice>
      )}
      {(phase === "failed" || phase === "duplicate") && (
        <div className="row">
          {phase === "failed" && (
            <Button className="button primary" onPress={() => uploads.send(client, [id])}>
              Try again
            </Button>
          )}
          <Button className="button" onPress={() => void uploads.stop(client, upload)}>
            {phase === "failed" ? "Discard" : "Close"}
          </Button>
        </div>
      )}
    </article>
  );
}

function DuplicateNotice({ duplicateOf }: { duplicateOf: ImportStateFragment | null }) {
  return (
    <Notice tone="warn" live>
      {duplicateOf ? (
        <p>
          The same file was uploaded before: <Link to={`/imports/${duplicateOf.id}`}>{duplicateOf.fileName}</Link>,{" "}
          {STATUSES[duplicateOf.status].label.toLowerCase()} on{" "}
          {formatDateTime(duplicateOf.finishedAt ?? duplicateOf.createdAt)}. Nothing was changed.
        </p>
      ) : (
        <p>The same file was uploaded before. Nothing was changed.</p>
      )}
    </Notice>
  );
}

function progressLabel({ bytesSent, bytesPerSecond, file }: Upload): string {
  const parts = [`${formatBytes(bytesSent)} of ${formatBytes(file.size)}`];
  if (bytesPerSecond) {
    parts.push(
      `${formatBytes(bytesPerSecond)} per second`,
      `${formatDuration((file.size - bytesSent) / bytesPerSecond)} left`,
    );
  }
  return parts.join(" · ");
}
