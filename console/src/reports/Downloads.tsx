import { Download } from "lucide-react";
import { useState } from "react";
import { Button } from "react-aria-components";
import { type CombinedError, useClient } from "urql";

import { downloadFromUrl } from "../components/downloads";
import { Failure } from "../components/states";
import { ReportFileDocument, type RevenueReportFormat } from "../schema";
import type { Revision } from "./reportQueries";

const FORMATS: RevenueReportFormat[] = ["JSON", "CSV"];

/** Downloads a revision's files as they were settled. */
export function Downloads({ report }: { report: Revision }) {
  const client = useClient();
  const [error, setError] = useState<CombinedError>();

  async function download(format: RevenueReportFormat) {
    // The signed URL expires after a few minutes, so it is requested on demand.
    const { data, error } = await client
      .query(ReportFileDocument, { id: report.id, format }, { requestPolicy: "network-only" })
      .toPromise();
    setError(error);
    const url = data?.getRevenueReport?.downloadUrl;
    if (url) downloadFromUrl(url);
  }

  return (
    <div className="row">
      {error && <Failure error={error} />}
      {FORMATS.map((format) => (
        <Button
          key={format}
          className="button"
          aria-label={`${format} file of revision ${report.revision}, as it was settled`}
          onPress={() => void download(format)}
        >
          <Download size={16} aria-hidden />
          {format}
        </Button>
      ))}
    </div>
  );
}
