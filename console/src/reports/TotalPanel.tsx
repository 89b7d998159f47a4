/** The lines that add up to a total. */

import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { centsToDecimal, formatCount, formatMoney, parseCents } from "../components/format";
import { Loading } from "../components/states";
import { type Line, TOTALS, type Totals } from "./figures";
import { NmiButton } from "./LineItems";
import { ReportPeriod } from "./MoneyFlow";
import { ReportPanel } from "./ReportPanel";
import type { Revision } from "./reportQueries";

interface Part {
  key: string;
  line: Line | null;
  label: string;
  amount: bigint;
}

const COLUMNS: Column<Part>[] = [
  {
    id: "nmi",
    header: "NMI",
    cell: ({ line }) => line && <NmiButton line={line} />,
    sort: ({ line }) => line?.nmi ?? "",
    width: "8.5rem",
  },
  { id: "label", header: "Address", cell: ({ label }) => label, sort: ({ label }) => label },
  {
    id: "amount",
    header: "Amount",
    cell: ({ amount }) => formatMoney(centsToDecimal(amount)),
    sort: ({ amount }) => amount,
    numeric: true,
  },
];

export function TotalPanel({
  report,
  totals,
  lines,
  linesLoaded,
}: {
  report: Revision;
  totals: Totals;
  lines: readonly Line[];
  linesLoaded: boolean;
}) {
  const labelOf = (about: string) => TOTALS.find(({ id }) => id === about)?.label ?? "";
  return (
    <ReportPanel name="lines" title={(about) => `Lines of ${labelOf(about)}`}>
      {(about) => (
        <>
          <ReportPeriod report={report} />
          {linesLoaded ? <Parts about={about} totals={totals} lines={lines} /> : <Loading subject="the lines" />}
        </>
      )}
    </ReportPanel>
  );
}

function Parts({ about, totals, lines }: { about: string; totals: Totals; lines: readonly Line[] }) {
  const total = TOTALS.find(({ id }) => id === about);
  const parts = useMemo<Part[]>(() => {
    const ofLines = lines.map((line) => ({
      ...{ key: line.nmi, line, label: line.address },
      amount: (total?.lineFigures ?? []).reduce((sum, figure) => sum + parseCents(line[figure]), 0n),
    }));
    if (total?.id !== "vppTotalAud") return ofLines;
    const costOnly = { key: "", line: null, label: "Cost-only: belongs to no site, borne by the VPP" };
    return [...ofLines, { ...costOnly, amount: parseCents(totals.costOnlyAud) }];
  }, [total, totals, lines]);
  if (!total) return <p>There is no such total.</p>;

  const sum = parts.reduce((all, { amount }) => all + amount, 0n);
  return (
    <>
      <p>
        {total.label} is the sum of the lines of {formatCount(lines.length, "site")}
        {total.id === "vppTotalAud" && " (ad valorem fee and daily fee) and the cost-only amount"}: it adds up to{" "}
        <strong>{formatMoney(centsToDecimal(sum))}</strong>
        {sum === parseCents(totals[total.id])
          ? ", to the cent."
          : `, not to ${formatMoney(totals[total.id])}. Reload the page.`}
      </p>
      <DataTable
        label={`Lines of ${total.label}`}
        columns={COLUMNS}
        rows={parts}
        rowKey={({ key }) => key}
        initialSort={{ id: "amount", desc: true }}
        totals={{ nmi: "Sum", amount: formatMoney(centsToDecimal(sum)) }}
      />
    </>
  );
}
