const ACRONYMS: Record<string, string> = { vpp: "VPP", vpps: "VPPs", api: "API", nmi: "NMI", aud: "AUD", kwh: "kWh" };

/** Turns an API name into words: "createApiKey" into "create API key", "vppIds" into "VPPs". */
export const readableName = (name: string) =>
  name
    .replace(/Id(s?)$/, "$1")
    .split(/(?=[A-Z])/)
    .map((word) => ACRONYMS[word.toLowerCase()] ?? word.toLowerCase())
    .join(" ");

/** Turns an API name into a capitalised label: "Create API key". */
export const readableTitle = (name: string) => readableName(name).replace(/^./, (first) => first.toUpperCase());
