import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { type Cell, isNumeric, type List, sortedBy } from "./responseLists";

interface Row {
  index: number;
  cells: Record<string, Cell>;
}

/** A list of an answer, in place of its JSON. */
export function ListTable({ list }: { list: List }) {
  const rows = useMemo<Row[]>(() => list.rows.map((cells, index) => ({ index, cells })), [list]);
  const columns = useMemo<Column<Row>[]>(
    () =>
      list.columns.map((name) => {
        const numeric = isNumeric(list, name);
        return {
          id: name,
          header: name,
          cell: ({ cells }) => textOf(cells[name]),
          sort: ({ cells }) => sortedBy(cells[name], numeric),
          numeric,
        };
      }),
    [list],
  );
  return (
    <div className="graphiql-table">
      <DataTable label={list.path} columns={columns} rows={rows} rowKey={({ index }) => String(index)} />
    </div>
  );
}

const textOf = (cell: Cell | undefined) => (cell === null || cell === undefined ? "" : String(cell));
