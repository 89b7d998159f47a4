/** Files that are written here, or fetched, and handed to the browser as downloads. */

import Papa from "papaparse";

/** Hands rows over as a CSV file. Every value stays the text it is, with its zeros, signs and ISO dates. */
export function downloadCsv(fileName: string, columns: string[], rows: string[][]): void {
  downloadText(fileName, "text/csv", Papa.unparse({ fields: columns, data: rows }));
}

export function downloadText(fileName: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Follows a link to a file that the object store sends as an attachment: the page stays where it is. */
export function downloadFromUrl(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}
