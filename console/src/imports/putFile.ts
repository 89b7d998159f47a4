/** A file's way to the object store: straight there, by the link the server signed. */

/** How a PUT outcome: `refused` with the store's status, or broken off on the way. */
export type PutResult =
  | { outcome: "stored" }
  | { outcome: "stopped" }
  | { outcome: "broken" }
  | { outcome: "refused"; status: number };

/** Puts a file where the link leads, and tells how many of its bytes have gone. */
export function putFile(
  url: string,
  file: File,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<PutResult> {
  return new Promise((resolve) => {
    // fetch tells nothing of how far an upload has come.
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () =>
      resolve(request.status === 200 ? { outcome: "stored" } : { outcome: "refused", status: request.status });
    request.onerror = () => resolve({ outcome: "broken" });
    request.onabort = () => resolve({ outcome: "stopped" });
    signal.addEventListener("abort", () => request.abort());
    request.open("PUT", url);
    // Without its type, since the link is signed for no headers.
    request.send(file.slice(0, file.size, ""));
  });
}
