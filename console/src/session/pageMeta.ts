/** Reads a meta element that the server wrote into the page's head; "" if it is missing. */
export const readMeta = (name: string) =>
  document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
