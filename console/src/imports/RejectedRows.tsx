/** The rows an import left out: counted by what was wrong with them, listed, and as a file to repair. */

import { Download } from "lucide-react";
import { useMemo, useState } from "react";
import { Button, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { type CombinedError, useClient } from "urql";

import { type Column, DataTable } from "../components/DataTable";
import { followDownload } from "../components/downloads";
import { count, counted } from "../components/format";
import { Failure, Loading } from "../components/states";
import { GetRejectionsUrlDocument, type ImportStateFragment } from "../schema";
import { AtHash } from "./AnchoredSection";
import { type Cause, fault, mostFound, REPAIRS } from "./rejectionCauses";
import { type RejectedRow, useRejections } from "./rejections";

const COLUMNS: Column<RejectedRow>[] = [
  { id: "lineNumber", header: "Line", cell: ({ lineNumber }) => count(lineNumber), numeric: true, width: "5rem" },
  {
    id: "column",
    header: "Column",
    cell: ({ column }) => (column ? <span className="mono">{column}</span> : "—"),
    width: "7rem",
  },
  {
    id: "message",
    header: "What was found, and what was expected",
    cell: ({ message }) => (
      <span className="small" title={message}>
        {message}
      </span>
    ),
    width: "38.5rem",
  },
  {
    id: "row",
    header: "The row as it stood",
    cell: ({ row }) => (
      <span className="mono" title={row}>
        {row}
      </span>
    ),
    width: "40rem",
  },
];

const ALL = "all";

export function RejectedRows({ of }: { of: ImportStateFragment }) {
  const { id, rowsRejected } = of;
  const { rows, causes, isReading, error, retry, more } = useRejections(id, rowsRejected);
  const [wanted, setWanted] = useState(ALL);
  const shown = useMemo(() => (wanted === ALL ? rows : rows.filter(({ cause }) => cause === wanted)), [rows, wanted]);

  return (
    <AtHash id="rejections" title={counted(rowsRejected, "rejected row")} beside={<DownloadRows of={of} />}>
      <p className="soft">
        They are left out, and hold up no others.
        {of.status === "COMPLETED" &&
          " Correct them in the file of rejected rows and import that file: its column REASON is passed over."}
      </p>
      {error && <Failure error={error} retry={retry} />}
      {rows.length === 0 ? (
        !error && <Loading what="the rejected rows" />
      ) : (
        <>
          <Causes
            causes={causes}
            total={rows.length}
            isAll={rows.length >= rowsRejected}
            wanted={wanted}
            choose={setWanted}
          />
          {rows.length < rowsRejected && (
            <div className="row">
              <p className="soft small">
                Counted and listed are the first {count(rows.length)} of {counted(rowsRejected, "rejected row")}
                {isReading && "; the others are being read"}.
              </p>
              {more && (
                <Button className="button" onPress={more}>
                  Read on
                </Button>
              )}
            </div>
          )}
          <DataTable
            label="Rejected rows"
            columns={COLUMNS}
            rows={shown}
            rowKey={({ lineNumber }) => String(lineNumber)}
          />
        </>
      )}
    </AtHash>
  );
}

function Causes({
  causes,
  total,
  isAll,
  wanted,
  choose,
}: {
  causes: readonly Cause[];
  total: number;
  isAll: boolean;
  wanted: string;
  choose: (key: string) => void;
}) {
  return (
    <ToggleButtonGroup
      className="causes"
      aria-label="Show those with a fault"
      orientation="vertical"
      disallowEmptySelection
      selectedKeys={[wanted]}
      onSelectionChange={([key]) => key !== undefined && choose(String(key))}
    >
      <ToggleButton id={ALL} className="cause">
        <span className="number">{count(total)}</span>
        <span>{isAll ? "All of them" : "All that were read"}</span>
      </ToggleButton>
      {causes.map((cause) => (
        <ToggleButton key={cause.key} id={cause.key} className="cause">
          <span className="number">{count(cause.count)}</span>
          <span>
            {fault(cause)}
            <span className="soft small repair">
              {REPAIRS[cause.code]}
              {mostFound(cause).map(([value, times], place) => (
                <span key={value}>
                  {place === 0 ? " Most often: " : ", "}
                  <span className="mono">{value}</span> {counted(times, "time")}
                </span>
              ))}
            </span>
          </span>
        </ToggleButton>
      ))}
    </ToggleButtonGroup>
  );
}

function DownloadRows({ of: { id, status } }: { of: ImportStateFragment }) {
  const client = useClient();
  const [error, setError] = useState<CombinedError>();
  const [isAsking, setIsAsking] = useState(false);
  if (status === "QUEUED" || status === "RUNNING") {
    return <p className="soft small">They can be downloaded when the import is done.</p>;
  }
  if (status !== "COMPLETED" && status !== "REVERTED") {
    return <p className="soft small">There is no file of them: it is written when an import is completed.</p>;
  }

  async function download() {
    setIsAsking(true);
    // A link is good for some minutes: it is asked for when it is wanted.
    const { data, error } = await client
      .query(GetRejectionsUrlDocument, { id }, { requestPolicy: "network-only" })
      .toPromise();
    setIsAsking(false);
    setError(error);
    if (data?.getImport?.rejectionsUrl) followDownload(data.getImport.rejectionsUrl);
  }

  return (
    <>
      <Button className="button" onPress={() => void download()} isPending={isAsking}>
        <Download size={16} aria-hidden />
        Download rejected rows
      </Button>
      {error && <Failure error={error} retry={() => void download()} />}
    </>
  );
}
