import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { cents, count, dollars, money } from "../components/format";
import { Loading } from "../components/states";
import type { TryTermsQuery } from "../schema";
import { difference, type Line } from "./figures";

type TriedLine = NonNullable<TryTermsQuery["simulateRevenueReport"]["lineItems"]>[number];

interface Row {
  nmi: string;
  address: string;
  settled: string | null;
  tried: string | null;
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
    cell: ({ settled }) => (settled === null ? "no line" : money(settled)),
    sort: ({ settled }) => cents(settled ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "tried",
    header: "After fees, tried",
    cell: ({ tried }) => (tried === null ? "no line" : money(tried)),
    sort: ({ tried }) => cents(tried ?? ""),
    numeric: true,
    width: "11rem",
  },
  {
    id: "difference",
    header: "Difference",
    cell: (row) => difference(row.difference),
    sort: (row) => row.difference,
    numeric: true,
  },
];

/** What each site would get on the terms that are tried. */
export function TriedLines({ settled, tried }: { settled: readonly Line[]; tried: readonly TriedLine[] | null }) {
  const rows = useMemo<Row[]>(() => {
    const before = new Map(settled.map((line) => [line.nmi, line]));
    const after = new Map((tried ?? []).map((line) => [line.nmi, line]));
    return [...new Set([...before.keys(), ...after.keys()])].map((nmi) => {
      const [old, now] = [before.get(nmi), after.get(nmi)];
      return {
        ...{ nmi, address: now?.address ?? old?.address ?? "" },
        ...{ settled: old?.afterFeesAud ?? null, tried: now?.afterFeesAud ?? null },
        difference: cents(now?.afterFeesAud ?? "") - cents(old?.afterFeesAud ?? ""),
      };
    });
  }, [settled, tried]);

  if (tried === null) return <Loading what="the lines" />;
  const all = rows.reduce((sum, row) => sum + row.difference, 0n);
  return (
    <DataTable
      label="Lines on the terms tried"
      columns={COLUMNS}
      rows={rows}
      rowKey={({ nmi }) => nmi}
      totals={{
        nmi: `All ${count(rows.length)}`,
        settled: money(dollars(rows.reduce((sum, row) => sum + cents(row.settled ?? ""), 0n))),
        tried: money(dollars(rows.reduce((sum, row) => sum + cents(row.tried ?? ""), 0n))),
        difference: difference(all),
      }}
    />
  );
}
