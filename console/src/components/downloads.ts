/** Browser downloads: files generated here, and links to stored files. */

import Papa from "papaparse";

/** Downloads rows as a CSV file. Values are written as given: leading zeros, signs and ISO dates are kept. */
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

/** Downloads the file at a URL. The object store sends it as an attachment, so the page is not left. */
export function downloadFromUrl(url: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}
