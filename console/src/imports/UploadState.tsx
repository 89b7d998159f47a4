/** A file that was sent: how far it is, or what came of it. */

import { Button } from "react-aria-components";
import { Link } from "react-router";
import { useClient } from "urql";

import { bytes, duration, formatMoment } from "../components/format";
import { Notice } from "../components/Notice";
import type { ImportStateFragment } from "../schema";
import { STATES } from "./importStatus";
import { Bar } from "./PercentBar";
import { isUnderWay, type Upload, uploads } from "./uploads";

export function UploadState({ upload }: { upload: Upload }) {
  const client = useClient();
  const { id, file, phase, told, known } = upload;
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
      {phase === "waiting" && <p className="soft">Its turn comes after the file before it.</p>}
      {phase === "uploading" && (
        <>
          <Bar label="Uploading" percent={(100 * upload.bytesSent) / file.size} />
          <p className="soft small">{speed(upload)}</p>
        </>
      )}
      {phase === "starting" && <p role="status">It is uploaded, and its import is being started.</p>}
      {phase === "started" && (
        <p role="status">
          It is uploaded. <Link to={`/imports/${id}`}>Follow its import</Link>
        </p>
      )}
      {phase === "known" && <Known known={known} />}
      {phase === "failed" && (
        <Notice tone="bad" live>
          <p>{told}</p>
        </Notice>
      )}
      {(phase === "failed" || phase === "known") && (
        <div className="row">
          {phase === "failed" && (
            <Button className="button primary" onPress={() => uploads.send(client, [id])}>
              Try again
            </Button>
          )}
          <Button className="button" onPress={() => void uploads.stop(client, upload)}>
            {phase === "failed" ? "Give it up" : "Close"}
          </Button>
        </div>
      )}
    </article>
  );
}

function Known({ known }: { known: ImportStateFragment | null }) {
  return (
    <Notice tone="warn" live>
      {known ? (
        <p>
          These bytes are in already:{" "}
          {known.status === "COMPLETED" ? "imported" : STATES[known.status].label.toLowerCase()} as{" "}
          <Link to={`/imports/${known.id}`}>{known.fileName}</Link> on{" "}
          {formatMoment(known.finishedAt ?? known.createdAt)}. Nothing was changed.
        </p>
      ) : (
        <p>These bytes are in already. Nothing was changed.</p>
      )}
    </Notice>
  );
}

function speed({ bytesSent, bytesPerSecond, file }: Upload): string {
  const told = [`${bytes(bytesSent)} of ${bytes(file.size)}`];
  if (bytesPerSecond) {
    told.push(`${bytes(bytesPerSecond)} a second`, `${duration((file.size - bytesSent) / bytesPerSecond)} left`);
  }
  return told.join(" · ");
}
