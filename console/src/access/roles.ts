import type { Role } from "../schema";

/** The roles, least privileged first. Each includes the ones before it, within the scope of its key. */
export const ROLES: { value: Role; label: string; may: string }[] = [
  {
    value: "MEMBER",
    label: "Member",
    may: "A site's owner: reads the sites you name, their batteries and events, and their own lines of statements.",
  },
  {
    value: "READER",
    label: "Reader",
    may: "Reads VPPs, sites, imports, reports and parks, and changes nothing. Held to some VPPs, it sees these alone.",
  },
  {
    value: "OPERATOR",
    label: "Operator",
    may: "Also changes VPPs, sites, batteries and parks, imports files, and settles months; of some VPPs, or of all.",
  },
  {
    value: "ADMIN",
    label: "Administrator",
    may: "Also makes and revokes API keys, and reads the audit trail. It is held to nothing.",
  },
];

export const roleLabel = (role: Role) => ROLES.find(({ value }) => value === role)?.label ?? role;
