import type { Role } from "../schema";

/** The roles, least privileged first. Each includes the ones before it, within the scope of its key. */
export const ROLES: { value: Role; label: string; may: string }[] = [
  {
    value: "MEMBER",
    label: "Member",
    may: "For a site's owner: reads the sites you select, their batteries and events, and their lines of statements.",
  },
  {
    value: "READER",
    label: "Reader",
    may: "Reads VPPs, sites, imports, reports and parks. Changes nothing. Access can be limited to some VPPs.",
  },
  {
    value: "OPERATOR",
    label: "Operator",
    may: "Also changes VPPs, sites, batteries and parks, imports files, and settles months. Access can be limited to some VPPs.",
  },
  {
    value: "ADMIN",
    label: "Administrator",
    may: "Also creates and revokes API keys, and reads the audit trail. Access cannot be limited.",
  },
];

export const roleLabel = (role: Role) => ROLES.find(({ value }) => value === role)?.label ?? role;
