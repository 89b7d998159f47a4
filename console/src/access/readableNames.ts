const ACRONYMS: Record<string, string> = { vpp: "VPP", vpps: "VPPs", api: "API", nmi: "NMI", aud: "AUD", kwh: "kWh" };

/** Writes a name of the API's as people say it: "createApiKey" as "create API key", "vppIds" as "VPPs". */
export const readableName = (name: string) =>
  name
    .replace(/Id(s?)$/, "$1")
    .split(/(?=[A-Z])/)
    .map((word) => ACRONYMS[word.toLowerCase()] ?? word.toLowerCase())
    .join(" ");

/** The same where it stands alone: "Create API key". */
export const readableTitle = (name: string) => readableName(name).replace(/^./, (first) => first.toUpperCase());
