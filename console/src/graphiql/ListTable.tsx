import { useMemo } from "react";

import { type Column, DataTable } from "../components/DataTable";
import { type Cell, isNumeric, type ResponseList, sortValue } from "./responseLists";

interface Row {
  index: number;
  cells: Record<string, Cell>;
}

/** A list in a response, as a table instead of JSON. */
export function ListTable({ list }: { list: ResponseList }) {
  const rows = useMemo<Row[]>(() => list.rows.map((cells, index) => ({ index, cells })), [list]);
  const columns = useMemo<Column<Row>[]>(
    () =>
      list.columns.map((name) => {
        const numeric = isNumeric(list, name);
        return {
          id: name,
          header: name,
          cell: ({ cells }) => textOf(cells[name]),
          sort: ({ cells }) => sortValue(cells[name], numeric),
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
