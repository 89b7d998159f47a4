import { PageHeader } from "../parts/PageHeader";

export function MonthPage() {
  return <PageHeader title="MonthPage" />;
}
