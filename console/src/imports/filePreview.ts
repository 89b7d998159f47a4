/** Previews a file in the browser before it is sent: its columns and its first rows, parsed as the server does. */

import Papa from "papaparse";

import type { ImportKind } from "../schema";
import { KINDS } from "./importKinds";

// The server also searches this number of bytes for the end of the header.
const READ_BYTES = 64 * 1024;
const PREVIEW_ROWS = 5;
const SEPARATORS = [",", ";", "\t", "|"] as const;
// S3's limit for a single PUT.
const MAX_FILE_BYTES = 5 * 2 ** 30;

export interface FilePreview {
  /** The column names in the header, as written. */
  columnNames: string[];
  rows: { line: number; fields: string[] }[];
  isGzip: boolean;
  /** Whether the preview covers the whole file. */
  isComplete: boolean;
  /** The number of rows: exact if the preview is complete, otherwise estimated; null for a longer gzip file. */
  rowCount: number | null;
}

/** Where an import kind's columns are in a file. The server rejects files in which one is missing or duplicated. */
export interface ColumnMatch {
  columns: { name: string; position: number; problem: "missing" | "duplicated" | null }[];
  ignoredColumns: string[];
  isMatch: boolean;
}

/** Reads a file's preview. Returns an error message if the file cannot be imported. */
export async function readFilePreview(file: File): Promise<FilePreview | string> {
  if (file.size === 0) return "The file is empty; a header and rows below it were expected.";
  if (file.size > MAX_FILE_BYTES) return "The file is larger than 5 GiB, the limit for one upload. Split it.";
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(await file.slice(0, READ_BYTES).arrayBuffer());
  } catch {
    return "The file cannot be read. It may be a folder, or was moved since you chose it; choose it again.";
  }
  const startsWith = (...magic: number[]) => magic.every((byte, index) => bytes[index] === byte);
  if (startsWith(0x50, 0x4b, 3, 4))
    return "This is an Excel workbook or a zip file. Save it as CSV, and choose the CSV file.";
  if (startsWith(0xff, 0xfe) || startsWith(0xfe, 0xff)) return "The file is UTF-16. Save it as CSV in UTF-8.";

  const isGzip = startsWith(0x1f, 0x8b);
  const { text, isComplete } = isGzip ? await gunzip(bytes) : { text: bytes, isComplete: file.size <= READ_BYTES };
  const content = new TextDecoder().decode(text);
  const lines = content.split(content.includes("\n") ? "\n" : "\r");
  // The last line may be cut off, or empty because the text ends with a line end.
  const last = lines.pop() ?? "";
  if (isComplete && last !== "") lines.push(last);
  // Excel reads the separator from such a line above the header.
  const declared = /^"?sep=([,;\t|])"?\r?$/i.exec(lines[0] ?? "")?.[1];
  const headerLine = declared === undefined ? 1 : 2;
  const [header, ...bodyLines] = lines.slice(headerLine - 1).map((line) => line.replace(/\r$/, ""));
  if (header === undefined) {
    return isGzip
      ? "The gzip file is damaged, or has no header. Compress it again."
      : "The file has no header: its first 64 KiB contain no line end.";
  }
  if (header.trim() === "") return "The file has no header: its first line is empty.";

  const separator = declared ?? findSeparator(header);
  const columnNames = parseFields(header, separator);
  const rows = bodyLines
    .map((text, index) => ({ text, line: index + headerLine + 1 }))
    .filter(({ text }) => text.replaceAll(separator, "").trim() !== "");
  const bodyBytes = bodyLines.reduce((sum, line) => sum + line.length + 1, 0);
  return {
    columnNames,
    rows: rows
      .slice(0, PREVIEW_ROWS)
      .map(({ text, line }) => ({ line, fields: trimEmpty(parseFields(text, separator), columnNames) })),
    isGzip,
    rowCount: isComplete ? rows.length : isGzip ? null : Math.round((file.size * rows.length) / Math.max(bodyBytes, 1)),
    isComplete,
  };
}

/** Finds an import kind's columns in a header, by the server's rules. */
export function matchColumns(kind: ImportKind, names: string[]): ColumnMatch {
  const lowered = names.map(lowerAscii);
  const columns = KINDS[kind].columns.map((name) => {
    const position = lowered.indexOf(lowerAscii(name));
    const isDuplicated = position !== lowered.lastIndexOf(lowerAscii(name));
    return {
      name,
      position,
      problem: position < 0 ? ("missing" as const) : isDuplicated ? ("duplicated" as const) : null,
    };
  });
  const expected = KINDS[kind].columns.map(lowerAscii);
  return {
    columns,
    ignoredColumns: names.filter((name) => name !== "" && !expected.includes(lowerAscii(name))),
    isMatch: columns.every(({ problem }) => problem === null),
  };
}

/** Guesses a file's kind: the one with the largest share of its columns in the header. */
export function guessKind(names: string[], kinds: readonly ImportKind[]): ImportKind {
  const matchedShare = (kind: ImportKind) => {
    const { columns } = matchColumns(kind, names);
    return columns.filter(({ problem }) => problem === null).length / columns.length;
  };
  return kinds.reduce((best, kind) => (matchedShare(kind) > matchedShare(best) ? kind : best));
}

// Every line is a row, even with an open quote at its end. Spaces and tabs around a field are trimmed.
// In ="0123", which keeps text as it is in Excel, the equals sign is not part of the value.
const parseFields = (line: string, separator: string) =>
  (Papa.parse<string[]>(line, { delimiter: separator }).data[0] ?? []).map((field) =>
    field.trim().replace(/^="([^"]*)"$/, "$1"),
  );

/** Adds or removes empty fields at the end of a row, so that it has as many as the header where the server accepts it. */
function trimEmpty(fields: string[], columnNames: string[]): string[] {
  const named = columnNames.findLastIndex((name) => name !== "") + 1;
  if (fields.length < named || fields.slice(columnNames.length).some((field) => field !== "")) return fields;
  return columnNames.map((_, position) => fields[position] ?? "");
}

/** Finds the separator of a header: the one with which it has most of the columns of any kind of import. */
function findSeparator(header: string): string {
  const expected = new Set(Object.values(KINDS).flatMap(({ columns }) => columns.map(lowerAscii)));
  const countOf = (separator: string) =>
    parseFields(header, separator).filter((name) => expected.has(lowerAscii(name))).length;
  return SEPARATORS.reduce((best, each) => (countOf(each) > countOf(best) ? each : best));
}

// ASCII letters only: toLowerCase() maps some other letters, such as the Kelvin sign, to ASCII.
const lowerAscii = (name: string) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Decompresses the beginning of a gzip file. A truncated stream is expected. */
async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<{ text: Uint8Array<ArrayBuffer>; isComplete: boolean }> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const text = new Uint8Array(READ_BYTES);
  let size = 0;
  try {
    while (size < READ_BYTES) {
      const { done, value } = await reader.read();
      if (done) return { text: text.subarray(0, size), isComplete: true };
      const part = value.subarray(0, READ_BYTES - size);
      text.set(part, size);
      size += part.length;
    }
    void reader.cancel();
  } catch {
    // Truncated or damaged: keep the bytes decompressed so far.
  }
  return { text: text.subarray(0, size), isComplete: false };
}
