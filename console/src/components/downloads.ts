/** Browser downloads: files generated here, and links to stored files. */

import Papa from "papaparse";

/** Matches texts that a spreadsheet would run as a formula, but no number. See report_files.py. */
const FORMULA = /^(?![+-]?\d+(\.\d+)?(e[+-]?\d+)?$)[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * Downloads rows as a CSV file. Leading zeros, signs and ISO dates are kept; only texts that are formulas get a leading
 * apostrophe. The byte order mark makes Excel read the file as UTF-8.
 */
export function downloadCsv(fileName: string, columns: string[], rows: string[][]): void {
  const csv = Papa.unparse({ fields: columns, data: rows }, { escapeFormulae: FORMULA });
  downloadText(fileName, "text/csv", `\ufeff${csv}`);
}

export function downloadText(fileName: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Downloads the file at a URL. The object store sends it as an attachment, so the page is not left. */
export function downloadFromUrl(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}
