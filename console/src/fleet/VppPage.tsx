import { PageHeader } from "../parts/PageHeader";

export function VppPage() {
  return <PageHeader title="VppPage" />;
}
