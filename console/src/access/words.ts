const WORDS: Record<string, string> = { vpp: "VPP", vpps: "VPPs", api: "API", nmi: "NMI", aud: "AUD", kwh: "kWh" };

/** Writes a name of the API's as people say it: "createApiKey" as "Create API key", "vppIds" as "VPPs". */
export function words(name: string): string {
  const said = name
    .replace(/Id(s?)$/, "$1")
    .split(/(?=[A-Z])/)
    .map((word) => WORDS[word.toLowerCase()] ?? word.toLowerCase())
    .join(" ");
  return said.charAt(0).toUpperCase() + said.slice(1);
}
