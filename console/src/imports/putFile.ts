/** Uploads a file directly to the object store, with a presigned URL. */

/** The outcome of a PUT: `refused` carries the store's HTTP status; `broken` is a network error. */
export type PutResult =
  | { outcome: "stored" }
  | { outcome: "stopped" }
  | { outcome: "broken" }
  | { outcome: "refused"; status: number };

/** Puts a file to a presigned URL, and reports the number of bytes sent. */
export function putFile(
  url: string,
  file: File,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<PutResult> {
  return new Promise((resolve) => {
    // fetch has no upload progress events.
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () =>
      resolve(request.status === 200 ? { outcome: "stored" } : { outcome: "refused", status: request.status });
    request.onerror = () => resolve({ outcome: "broken" });
    request.onabort = () => resolve({ outcome: "stopped" });
    signal.addEventListener("abort", () => request.abort());
    request.open("PUT", url);
    // slice() drops the content type: the URL is signed without a Content-Type header.
    request.send(file.slice(0, file.size, ""));
  });
}
