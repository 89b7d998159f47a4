import { PageHeader } from "../parts/PageHeader";

export function ReportsPage() {
  return <PageHeader title="ReportsPage" />;
}
