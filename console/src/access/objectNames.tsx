/** Components that show an object's name for its id. */

import { Link } from "react-router";
import { useQuery } from "urql";

import { GetParkNameDocument, GetSiteNmiDocument, GetVppNameDocument } from "../schema";

interface Props {
  id: string;
  /** Whether to link to the object's page. */
  isLink?: boolean;
}

export function VppName({ id, isLink = false }: Props) {
  const [{ data }] = useQuery({ query: GetVppNameDocument, variables: { id } });
  if (!data) return "…";
  if (!data.getVpp) return <span className="soft">a deleted VPP</span>;
  return isLink ? <Link to={`/vpps/${id}`}>{data.getVpp.name}</Link> : data.getVpp.name;
}

export function SiteNmi({ id, isLink = false }: Props) {
  const [{ data }] = useQuery({ query: GetSiteNmiDocument, variables: { id } });
  if (!data) return "…";
  if (!data.getSite) return <span className="soft">a deleted site</span>;
  return isLink ? <Link to={`/sites/${id}`}>{data.getSite.nmi}</Link> : data.getSite.nmi;
}

export function ParkName({ id, isLink = false }: Props) {
  const [{ data }] = useQuery({ query: GetParkNameDocument, variables: { id } });
  if (!data) return "…";
  if (!data.getPark) return <span className="soft">a deleted park</span>;
  const { name } = data.getPark;
  return isLink ? <Link to={`/parks?${new URLSearchParams({ park: name })}`}>{name}</Link> : name;
}
