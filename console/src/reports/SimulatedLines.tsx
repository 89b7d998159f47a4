import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { centsToDecimal, formatInteger, formatMoney, parseCents } from "../components/format";
import { Loading } from "../components/states";
import type { TryTermsQuery } from "../schema";
import { formatDifference, type Line } from "./figures";

type SimulatedLine = NonNullable<TryTermsQuery["simulateRevenueReport"]["lineItems"]>[number];

interface Row {
  nmi: string;
  address: string;
  settled: string | null;
  simulated: string | null;
  difference: bigint;
}

const COLUMNS: Column<Row>[] = [
  {
    id: "nmi",
    header: "NMI",
    cell: ({ nmi }) => <span className="mono">{nmi}</span>,
    sort: ({ nmi }) => nmi,
    width: "8rem",
  },
  { id: "address", header: "Address", cell: ({ address }) => address, sort: ({ address }) => address },
  {
    id: "settled",
    header: "After fees, settled",
    cell: ({ settled }) => (settled === null ? "no line" : formatMoney(settled)),
    sort: ({ settled }) => parseCents(settled ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "simulated",
    header: "After fees, simulated",
    cell: ({ simulated }) => (simulated === null ? "no line" : formatMoney(simulated)),
    sort: ({ simulated }) => parseCents(simulated ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "difference",
    header: "Difference",
    cell: (row) => formatDifference(row.difference),
    sort: (row) => row.difference,
    numeric: true,
  },
];

/** Each site's line under the simulated terms, beside its settled line. */
export function SimulatedLines({
  settled,
  simulated,
}: {
  settled: readonly Line[];
  simulated: readonly SimulatedLine[] | null;
}) {
  const rows = useMemo<Row[]>(() => {
    const before = new Map(settled.map((line) => [line.nmi, line]));
    const after = new Map((simulated ?? []).map((line) => [line.nmi, line]));
    return [...new Set([...before.keys(), ...after.keys()])].map((nmi) => {
      const [old, now] = [before.get(nmi), after.get(nmi)];
      return {
        ...{ nmi, address: now?.address ?? old?.address ?? "" },
        ...{ settled: old?.afterFeesAud ?? null, simulated: now?.afterFeesAud ?? null },
        difference: parseCents(now?.afterFeesAud ?? "") - parseCents(old?.afterFeesAud ?? ""),
      };
    });
  }, [settled, simulated]);

  if (simulated === null) return <Loading subject="the lines" />;
  const all = rows.reduce((sum, row) => sum + row.difference, 0n);
  return (
    <DataTable
      label="Lines with the simulated terms"
      columns={COLUMNS}
      rows={rows}
      rowKey={({ nmi }) => nmi}
      totals={{
        nmi: `All ${formatInteger(rows.length)}`,
        settled: formatMoney(centsToDecimal(rows.reduce((sum, row) => sum + parseCents(row.settled ?? ""), 0n))),
        tried: formatMoney(centsToDecimal(rows.reduce((sum, row) => sum + parseCents(row.simulated ?? ""), 0n))),
        difference: formatDifference(all),
      }}
    />
  );
}
