import { PageHeader } from "../parts/PageHeader";

export function SitePage() {
  return <PageHeader title="SitePage" />;
}
