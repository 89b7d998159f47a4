/** A file's way to the object store: straight there, by the link the server signed. */

/** How a PUT ended: `refused` with the store's status, or broken off on the way. */
export type Put =
  | { ended: "stored" }
  | { ended: "stopped" }
  | { ended: "broken" }
  | { ended: "refused"; status: number };

/** Puts a file where the link leads, and tells how many of its bytes have gone. */
export function put(url: string, file: File, sent: (bytes: number) => void, stop: AbortSignal): Promise<Put> {
  return new Promise((resolve) => {
    // fetch tells nothing of how far an upload has come.
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded }) => sent(loaded);
    request.onload = () =>
      resolve(request.status === 200 ? { ended: "stored" } : { ended: "refused", status: request.status });
    request.onerror = () => resolve({ ended: "broken" });
    request.onabort = () => resolve({ ended: "stopped" });
    stop.addEventListener("abort", () => request.abort());
    request.open("PUT", url);
    // Without its type, since the link is signed for no headers.
    request.send(file.slice(0, file.size, ""));
  });
}
