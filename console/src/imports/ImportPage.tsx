import { PageHeader } from "../parts/PageHeader";

export function ImportPage() {
  return <PageHeader title="ImportPage" />;
}
