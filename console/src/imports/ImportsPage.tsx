import { PageHeader } from "../parts/PageHeader";

export function ImportsPage() {
  return <PageHeader title="ImportsPage" />;
}
