/** A report's line items: sortable, filterable, with the sums of the lines shown. */

import { Download } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";
import { Button } from "react-aria-components";

import { type Column, DataTable } from "../components/DataTable";
import { downloadCsv } from "../components/downloads";
import { useDialog } from "../components/FormDialog";
import { SearchField } from "../components/fields";
import {
  centsToDecimal,
  formatCount,
  formatInteger,
  formatMoney,
  formatQuantity,
  parseCents,
} from "../components/format";
import { Loading } from "../components/states";
import { useHasRole } from "../session/session";
import { LINE_FIGURES, type Line, lineKey, sumLines } from "./figures";
import { ReportPeriod } from "./MoneyFlow";
import type { Lines, Revision } from "./reportQueries";

const COLUMNS: Column<Line>[] = [
  { id: "nmi", header: "NMI", cell: (line) => <NmiButton line={line} />, sort: ({ nmi }) => nmi, width: "8.5rem" },
  {
    id: "address",
    header: "Address",
    cell: ({ address }) => <span title={address}>{address}</span>,
    sort: ({ address }) => address,
    width: "minmax(13rem, 1.6fr)",
  },
  {
    id: "capacityKwh",
    header: "kWh",
    cell: ({ capacityKwh }) => formatQuantity(capacityKwh),
    sort: ({ capacityKwh }) => capacityKwh,
    numeric: true,
    width: "minmax(5.5rem, 0.6fr)",
  },
  {
    id: "memberDays",
    header: "Member days",
    cell: ({ memberDays }) => memberDays,
    sort: ({ memberDays }) => memberDays,
    numeric: true,
    width: "9.5rem",
  },
  ...LINE_FIGURES.map(({ id, label }) => ({
    id,
    header: label,
    cell: (line: Line) => formatMoney(line[id]),
    sort: (line: Line) => parseCents(line[id]),
    numeric: true,
    width: "minmax(8.25rem, 1fr)",
  })),
];

/** A site's NMI, as a button that opens the explanation of its figures. */
export function NmiButton({ line: { nmi } }: { line: Line }) {
  const dialog = useDialog();
  return (
    // A native button, because it renders ten times as fast as React Aria's, and every row contains one.
    <button
      type="button"
      className="opens mono"
      aria-label={`${nmi}: explain its figures`}
      onClick={() => dialog.open("explain", nmi)}
    >
      {nmi}
    </button>
  );
}

export function LineItems({ vppName, report, lines }: { vppName: string; report: Revision; lines: Lines }) {
  const { isLoaded } = lines;
  const mayRead = useHasRole("READER");
  const [search, setSearch] = useState("");
  const filter = useDeferredValue(search.trim());
  const shown = useMemo(() => filterLines(lines.items, filter), [lines.items, filter]);
  // No sums until all lines are loaded: users would take a partial sum for the total.
  const totals = useMemo(
    () => ({
      nmi: !isLoaded
        ? "Loading…"
        : filter
          ? `${formatInteger(shown.length)} shown`
          : `All ${formatInteger(shown.length)}`,
      ...(isLoaded
        ? Object.fromEntries(LINE_FIGURES.map(({ id }) => [id, formatMoney(centsToDecimal(sumLines(shown, id)))]))
        : {}),
    }),
    [shown, filter, isLoaded],
  );

  return (
    <section className="stack" aria-labelledby="lines">
      <div className="row apart">
        <h2 id="lines">{mayRead ? "Line items" : "Lines of your sites"}</h2>
        <ReportPeriod report={report} />
      </div>
      <div className="row apart">
        <SearchField label="Find by NMI or address" value={search} onChange={setSearch} />
        <Button className="button" isDisabled={!isLoaded} onPress={() => exportLines(vppName, report, shown, filter)}>
          <Download size={16} aria-hidden />
          {filter ? "CSV of the lines shown" : "CSV of all lines"}
        </Button>
      </div>
      <p className="soft small" role={isLoaded ? "status" : undefined}>
        {lines.isLoadingFirstPage
          ? "Loading the lines…"
          : !isLoaded
            ? `${formatCount(lines.items.length, "line")} are loaded so far. The sums appear when all are.`
            : filter
              ? `${formatInteger(shown.length)} of ${formatCount(lines.items.length, "line")} ${shown.length === 1 ? "has" : "have"} “${filter}” in the NMI or address. The sums in the footer cover only these lines.`
              : mayRead
                ? `${formatCount(lines.items.length, "line")} in total. The sums in the footer are the report's totals.`
                : `${formatCount(lines.items.length, "line")} of your sites. The sums in the footer are of these lines.`}
      </p>
      {lines.isLoadingFirstPage ? (
        <Loading subject="the lines" />
      ) : (
        <div className="lines">
          <DataTable label="Lines by site" columns={COLUMNS} rows={shown} rowKey={lineKey} totals={totals} />
        </div>
      )}
    </section>
  );
}

function filterLines(lines: readonly Line[], filter: string): readonly Line[] {
  if (filter === "") return lines;
  const wanted = filter.toLowerCase();
  return lines.filter(({ nmi, address }) => `${nmi} ${address}`.toLowerCase().includes(wanted));
}

/** Exports the lines shown as CSV, with the columns of the settled file and a column with the filter. */
function exportLines(vppName: string, { month, revision }: Revision, lines: readonly Line[], filter: string): void {
  const named = [vppName, month, `revision ${revision}`, filter ? `filter ${filter}` : "all lines"].join(" ");
  downloadCsv(
    `${named.replace(/[^\p{L}\p{N}-]+/gu, "_")}.csv`,
    ["nmi", "address", "capacity_kwh", "member_days", ...LINE_FIGURES.map(({ column }) => column), "filter"],
    lines.map((line) => [
      line.nmi,
      line.address,
      String(line.capacityKwh),
      String(line.memberDays),
      ...LINE_FIGURES.map(({ id }) => line[id]),
      filter,
    ]),
  );
}
