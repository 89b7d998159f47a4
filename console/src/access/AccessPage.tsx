import { PageHeader } from "../parts/PageHeader";

export function AccessPage() {
  return <PageHeader title="AccessPage" />;
}
