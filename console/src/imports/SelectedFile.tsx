/** A file that is selected but not yet sent: its kind, its columns, and a preview of its first rows. */

import { Check, FileText, X } from "lucide-react";
import { Button } from "react-aria-components";

import { SelectField } from "../components/fields";
import { formatBytes, formatCount } from "../components/format";
import { Notice } from "../components/Notice";
import { type FilePreview, matchColumns } from "./filePreview";
import { ALL_KINDS, KINDS } from "./importKinds";
import { ParkField } from "./ParkField";
import { type Upload, uploads } from "./uploads";

export function SelectedFile({
  upload,
  kinds = ALL_KINDS,
  onRemove,
}: {
  upload: Upload;
  kinds?: typeof ALL_KINDS;
  onRemove: () => void;
}) {
  const { id, file, preview, kind, isExistingImport } = upload;
  return (
    <article className="card stack" aria-label={file.name}>
      <div className="row apart top">
        <FileText size={18} aria-hidden className="soft" />
        <div className="row" style={{ "--gap": "0.1rem 0.6rem" }}>
          <h2>{file.name}</h2>
          <span className="soft">{size(file, preview)}</span>
        </div>
        <Button className="button quiet icon" aria-label={`Remove ${file.name}`} onPress={onRemove}>
          <X size={18} aria-hidden />
        </Button>
      </div>
      {preview === null ? (
        <p className="soft">Reading the file…</p>
      ) : typeof preview === "string" ? (
        <Notice tone="bad">{preview}</Notice>
      ) : (
        <>
          {!isExistingImport && (
            <div className="file-choices">
              <SelectField
                label="Kind"
                hint={KINDS[kind].rowDescription}
                options={kinds.map((value) => ({ value, label: KINDS[value].label }))}
                value={kind}
                onChange={(kind) => uploads.update(id, { kind })}
              />
              {kind === "PARK_READINGS" && (
                <ParkField parkId={upload.parkId} onChange={(parkId) => uploads.update(id, { parkId })} />
              )}
            </div>
          )}
          <FirstRows upload={upload} beginning={preview} />
        </>
      )}
    </article>
  );
}

function FirstRows({ upload: { file, kind }, beginning }: { upload: Upload; beginning: FilePreview }) {
  const { columnNames, rows } = beginning;
  const { columns, ignoredColumns, isMatch } = matchColumns(kind, columnNames);
  const missing = columns.filter(({ problem }) => problem === "missing").map(({ name }) => name);
  const duplicated = columns.filter(({ problem }) => problem === "duplicated").map(({ name }) => name);
  return (
    <>
      <div className="stack" style={{ "--gap": "0.4rem" }}>
        <ul className="row" style={{ "--gap": "0.4rem" }} aria-label="Columns">
          {columns.map(({ name, problem }) => (
            <li key={name} className={problem ? "tag bad" : "tag good"}>
              {problem ? <X size={13} aria-hidden /> : <Check size={13} aria-hidden />}
              <span className="mono">{name}</span> {problem ?? "found"}
            </li>
          ))}
        </ul>
        {ignoredColumns.length > 0 && (
          <p className="soft small">
            Ignored columns: <span className="mono">{ignoredColumns.join(", ")}</span>
          </p>
        )}
      </div>
      {missing.length > 0 && (
        <Notice tone="bad">
          {KINDS[kind].label} need the columns {KINDS[kind].columns.join(", ")}. {formatList(missing)}{" "}
          {missing.length > 1 ? "are" : "is"} missing: choose another kind above, or correct the file's header.
        </Notice>
      )}
      {duplicated.length > 0 && (
        <Notice tone="bad">The file has more than one column {formatList(duplicated)}. Keep only one of each.</Notice>
      )}
      {rows.length === 0 ? (
        <Notice tone="warn">No rows were found below the header.</Notice>
      ) : (
        <section
          className="first-rows"
          aria-label={`First rows of ${file.name}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: focusable, so that the arrow keys scroll it.
          tabIndex={0}
        >
          <table>
            <caption className="soft small">Preview of the first rows</caption>
            <thead>
              <tr>
                <th scope="col">Line</th>
                {columns.map(({ name, problem }) => (
                  <th key={name} scope="col" className={problem ? "bad" : undefined}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ line, fields }) => (
                <tr key={line}>
                  <td className="soft">{line}</td>
                  {fields.length === columnNames.length ? (
                    columns.map(({ name, position }) => <td key={name}>{fields[position] || "—"}</td>)
                  ) : (
                    <td colSpan={columns.length} className="bad">
                      {isMatch && "Will be rejected: "}
                      {formatCount(fields.length, "field")}, but the header has {columnNames.length}
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}

function size(file: File, beginning: FilePreview | string | null): string {
  const parts = [formatBytes(file.size)];
  if (beginning !== null && typeof beginning !== "string") {
    if (beginning.isGzip) parts.push("gzip");
    if (beginning.rowCount !== null) {
      const { isComplete, rowCount } = beginning;
      parts.push(isComplete ? formatCount(rowCount, "row") : `about ${formatCount(roundToTwoDigits(rowCount), "row")}`);
    }
  }
  return parts.join(" · ");
}

/** Rounds an estimate to two significant digits. */
const roundToTwoDigits = (rows: number) => Number(rows.toPrecision(2));

const formatList = (names: string[]) => new Intl.ListFormat("en-AU").format(names);
