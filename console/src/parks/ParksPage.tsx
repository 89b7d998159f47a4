import { PageHeader } from "../parts/PageHeader";

export function ParksPage() {
  return <PageHeader title="ParksPage" />;
}
