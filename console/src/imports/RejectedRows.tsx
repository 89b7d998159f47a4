/** An import's rejected rows: counted by cause, listed, and as a CSV file to correct. */

import { Download } from "lucide-react";
import { useMemo, useState } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { type CombinedError, useClient } from "urql";

import { type Column, DataTable } from "../components/DataTable";
import { downloadFromUrl } from "../components/downloads";
import { formatCount, formatInteger } from "../components/format";
import { Failure, Loading } from "../components/states";
import { GetRejectionsUrlDocument, type ImportStateFragment } from "../schema";
import { AnchoredSection } from "./AnchoredSection";
import { type Cause, describeFault, mostFrequentValues, REPAIR_HINTS } from "./rejectionCauses";
import { type RejectedRow, useRejections } from "./rejections";

const COLUMNS: Column<RejectedRow>[] = [
  {
    id: "lineNumber",
    header: "Line",
    cell: ({ lineNumber }) => formatInteger(lineNumber),
    numeric: true,
    width: "5rem",
  },
  {
    id: "column",
    header: "Column",
    cell: ({ column }) => (column ? <span className="mono">{column}</span> : "—"),
    width: "7rem",
  },
  {
    id: "message",
    header: "Reason",
    cell: ({ message }) => (
      <span className="small" title={message}>
        {message}
      </span>
    ),
    width: "38.5rem",
  },
  {
    id: "row",
    header: "Original row",
    cell: ({ row }) => (
      <span className="mono" title={row}>
        {row}
      </span>
    ),
    width: "40rem",
  },
];

const ALL = "all";

export function RejectedRows({ importState }: { importState: ImportStateFragment }) {
  const { id, rowsRejected } = importState;
  const { rows, causes, isReading, error, retry, loadMore } = useRejections(id, rowsRejected);
  const [selectedCause, setSelectedCause] = useState(ALL);
  const shownRows = useMemo(
    () => (selectedCause === ALL ? rows : rows.filter(({ cause }) => cause === selectedCause)),
    [rows, selectedCause],
  );

  return (
    <AnchoredSection
      id="rejections"
      title={formatCount(rowsRejected, "rejected row")}
      actions={<DownloadRows importState={importState} />}
    >
      <p className="soft">
        Rejected rows are not imported. All other rows are.
        {importState.status === "COMPLETED" &&
          " Correct them in the downloaded file, and import that file. Its column REASON is ignored."}
      </p>
      {error && <Failure error={error} retry={retry} />}
      {rows.length === 0 ? (
        !error && <Loading subject="the rejected rows" />
      ) : (
        <>
          <CauseFilter
            causes={causes}
            total={rows.length}
            isAll={rows.length >= rowsRejected}
            selected={selectedCause}
            onSelect={setSelectedCause}
          />
          {rows.length < rowsRejected && (
            <div className="row">
              <p className="soft small">
                Showing the first {formatInteger(rows.length)} of {formatCount(rowsRejected, "rejected row")}
                {isReading && "; the others are loading"}.
              </p>
              {loadMore && (
                <Button className="button" onPress={loadMore}>
                  Load more
                </Button>
              )}
            </div>
          )}
          <DataTable
            label="Rejected rows"
            columns={COLUMNS}
            rows={shownRows}
            rowKey={({ lineNumber }) => String(lineNumber)}
          />
        </>
      )}
    </AnchoredSection>
  );
}

function CauseFilter({
  causes,
  total,
  isAll,
  selected,
  onSelect,
}: {
  causes: readonly Cause[];
  total: number;
  isAll: boolean;
  selected: string;
  onSelect: (key: string) => void;
}) {
  return (
    <ToggleButtonGroup
      className="causes"
      aria-label="Filter by cause"
      orientation="vertical"
      disallowEmptySelection
      selectedKeys={[selected]}
      onSelectionChange={([key]) => key !== undefined && onSelect(String(key))}
    >
      <ToggleButton id={ALL} className="cause">
        <span className="number">{formatInteger(total)}</span>
        <span>{isAll ? "All causes" : "All loaded rows"}</span>
      </ToggleButton>
      {causes.map((cause) => (
        <ToggleButton key={cause.key} id={cause.key} className="cause">
          <span className="number">{formatInteger(cause.count)}</span>
          <span>
            {describeFault(cause)}
            <span className="soft small repair">
              {REPAIR_HINTS[cause.code]}
              {mostFrequentValues(cause).map(([value, times], index) => (
                <span key={value}>
                  {index === 0 ? " Most often: " : ", "}
                  <span className="mono">{value}</span> {formatCount(times, "time")}
                </span>
              ))}
            </span>
          </span>
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

function DownloadRows({ importState: { id, status } }: { importState: ImportStateFragment }) {
  const client = useClient();
  const [error, setError] = useState<CombinedError>();
  const [isRequesting, setIsRequesting] = useState(false);
  if (status === "QUEUED" || status === "RUNNING") {
    return <p className="soft small">They can be downloaded when the import is complete.</p>;
  }
  if (status !== "COMPLETED" && status !== "REVERTED") {
    return <p className="soft small">There is no file to download: it is written when an import completes.</p>;
  }

  async function download() {
    setIsRequesting(true);
    // The signed URL expires after some minutes, so it is requested on demand.
    const { data, error } = await client
      .query(GetRejectionsUrlDocument, { id }, { requestPolicy: "network-only" })
      .toPromise();
    setIsRequesting(false);
    setError(error);
    if (data?.getImport?.rejectionsUrl) downloadFromUrl(data.getImport.rejectionsUrl);
  }

  return (
    <>
      <Button className="button" onPress={() => void download()} isPending={isRequesting}>
        <Download size={16} aria-hidden />
        Download rejected rows
      </Button>
      {error && <Failure error={error} retry={() => void download()} />}
    </>
  );
}
