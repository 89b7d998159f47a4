/** A file that was chosen and not yet sent: what it is, its columns, and its first rows as they will be read. */

import { Check, FileText, X } from "lucide-react";
import { Button } from "react-aria-components";

import { ChoiceOf } from "../components/fields";
import { bytes, counted } from "../components/format";
import { Notice } from "../components/Notice";
import { type Beginning, match } from "./filePreview";
import { ALL_KINDS, KINDS } from "./importKinds";
import { ParkChoice } from "./ParkField";
import { type Upload, uploads } from "./uploads";

export function ChosenFile({
  upload,
  kinds = ALL_KINDS,
  leaveOut,
}: {
  upload: Upload;
  kinds?: typeof ALL_KINDS;
  leaveOut: () => void;
}) {
  const { id, file, beginning, kind, isOfImport } = upload;
  return (
    <article className="card stack" aria-label={file.name}>
      <div className="row apart top">
        <FileText size={18} aria-hidden className="soft" />
        <div className="row" style={{ "--gap": "0.1rem 0.6rem" }}>
          <h2>{file.name}</h2>
          <span className="soft">{size(file, beginning)}</span>
        </div>
        <Button className="button quiet icon" aria-label={`Leave out ${file.name}`} onPress={leaveOut}>
          <X size={18} aria-hidden />
        </Button>
      </div>
      {beginning === null ? (
        <p className="soft">Its beginning is being read…</p>
      ) : typeof beginning === "string" ? (
        <Notice tone="bad">{beginning}</Notice>
      ) : (
        <>
          {!isOfImport && (
            <div className="file-choices">
              <ChoiceOf
                label="What it is"
                hint={KINDS[kind].row}
                options={kinds.map((value) => ({ value, label: KINDS[value].label }))}
                value={kind}
                onChange={(kind) => uploads.change(id, { kind })}
              />
              {kind === "PARK_READINGS" && (
                <ParkChoice parkId={upload.parkId} choose={(parkId) => uploads.change(id, { parkId })} />
              )}
            </div>
          )}
          <FirstRows upload={upload} beginning={beginning} />
        </>
      )}
    </article>
  );
}

function FirstRows({ upload: { file, kind }, beginning }: { upload: Upload; beginning: Beginning }) {
  const { names, rows } = beginning;
  const { columns, passedOver, fits } = match(kind, names);
  const missing = columns.filter(({ fault }) => fault === "missing").map(({ name }) => name);
  const doubled = columns.filter(({ fault }) => fault === "doubled").map(({ name }) => name);
  return (
    <>
      <div className="stack" style={{ "--gap": "0.4rem" }}>
        <ul className="row" style={{ "--gap": "0.4rem" }} aria-label="Columns">
          {columns.map(({ name, fault }) => (
            <li key={name} className={fault ? "tag bad" : "tag good"}>
              {fault ? <X size={13} aria-hidden /> : <Check size={13} aria-hidden />}
              <span className="mono">{name}</span> {fault ?? "found"}
            </li>
          ))}
        </ul>
        {passedOver.length > 0 && (
          <p className="soft small">
            Not expected, and passed over: <span className="mono">{passedOver.join(", ")}</span>
          </p>
        )}
      </div>
      {missing.length > 0 && (
        <Notice tone="bad">
          {KINDS[kind].label} are expected to have the columns {KINDS[kind].columns.join(", ")}. {list(missing)}{" "}
          {missing.length > 1 ? "are" : "is"} missing: choose another kind above, or correct the file's first line.
        </Notice>
      )}
      {doubled.length > 0 && (
        <Notice tone="bad">
          The file has more than one column {list(doubled)}; nothing says which of them is meant.
        </Notice>
      )}
      {rows.length === 0 ? (
        <Notice tone="warn">No rows were found below the header.</Notice>
      ) : (
        <section
          className="first-rows"
          aria-label={`First rows of ${file.name}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls by the keyboard.
          tabIndex={0}
        >
          <table>
            <caption className="soft small">First rows, as they will be read</caption>
            <thead>
              <tr>
                <th scope="col">Line</th>
                {columns.map(({ name, fault }) => (
                  <th key={name} scope="col" className={fault ? "bad" : undefined}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ line, fields }) => (
                <tr key={line}>
                  <td className="soft">{line}</td>
                  {fields.length === names.length ? (
                    columns.map(({ name, position }) => <td key={name}>{fields[position] || "—"}</td>)
                  ) : (
                    <td colSpan={columns.length} className="bad">
                      {fits ? "Will be rejected: it" : "It"} has {counted(fields.length, "field")}, not {names.length}{" "}
                      as the header
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

function size(file: File, beginning: Beginning | string | null): string {
  const told = [bytes(file.size)];
  if (beginning !== null && typeof beginning !== "string") {
    if (beginning.isPacked) told.push("gzip");
    if (beginning.rowCount !== null) {
      const { isWhole, rowCount } = beginning;
      told.push(isWhole ? counted(rowCount, "row") : `about ${counted(rounded(rowCount), "row")}`);
    }
  }
  return told.join(" · ");
}

/** Rounds a guess to two digits, which is as much as it knows. */
const rounded = (rows: number) => Number(rows.toPrecision(2));

const list = (names: string[]) => new Intl.ListFormat("en-AU").format(names);
