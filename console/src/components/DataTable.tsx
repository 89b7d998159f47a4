/** A table of any length: sorted by its headings, and quick, since only the rows in sight are drawn. */

import "./table.css";

import {
  type ColumnDef,
  createSortedRowModel,
  rowSortingFeature,
  type SortFn,
  type SortingState,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, ArrowUpDown } from "lucide-react";
import { type ReactNode, useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { Button } from "react-aria-components";

export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** What rows are sorted by; without it, the column does not sort. */
  sort?: (row: Row) => string | number | bigint;
  /** Whether it holds figures, which stand at the right. */
  numeric?: boolean;
  /** As in CSS grid-template-columns; "minmax(8rem, 1fr)" unless said. */
  width?: string;
}

interface Props<Row extends object> {
  /** What the table is of; read out to those who do not see it. */
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** How they are sorted at first; in the order they came unless said. */
  initialSort?: { id: string; desc?: boolean };
  /** A row below all others that adds them up: a cell for each column's id. */
  totals?: Record<string, ReactNode>;
  /** Reads further rows, where there are any. */
  onLoadMore?: (() => void) | undefined;
  isLoading?: boolean;
}

const ROW_PX = 41;
const OVERSCAN = 16;

// Made once: ten thousand texts are compared with it in the time it takes to make a hundred.
const collator = new Intl.Collator("en-AU", { numeric: true });

const compare: SortFn<typeof features, never> = (a, b, id) => {
  const [left, right] = [a.getValue<string | number | bigint>(id), b.getValue<string | number | bigint>(id)];
  if (typeof left === "string" && typeof right === "string") return collator.compare(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
};

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });

export function DataTable<Row extends object>({
  label,
  columns,
  rows,
  rowKey,
  initialSort,
  totals,
  onLoadMore,
  isLoading = false,
}: Props<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const columnDefs = useMemo<ColumnDef<typeof features, Row>[]>(
    () =>
      columns.map(({ id, sort }) => ({
        id,
        enableSorting: sort !== undefined,
        ...(sort ? { accessorFn: sort } : { accessorFn: () => "" }),
        sortFn: compare as unknown as SortFn<typeof features, Row>,
      })),
    [columns],
  );
  // The heading says at once what ten thousand rows take a moment to follow.
  const [sorting, setSorting] = useState<SortingState>(
    initialSort ? [{ id: initialSort.id, desc: initialSort.desc ?? false }] : [],
  );
  const sortedBy = useDeferredValue(sorting);
  const table = useTable({
    features,
    columns: columnDefs,
    data: rows as Row[],
    getRowId: rowKey,
    state: { sorting: sortedBy },
    onSortingChange: setSorting,
    enableSortingRemoval: false,
  });
  const { rows: sortedRows } = table.getRowModel();
  // Another function would make it measure every row anew each time it is drawn.
  const itemKey = useCallback((index: number) => sortedRows[index]?.id ?? index, [sortedRows]);
  const virtualizer = useVirtualizer({
    count: sortedRows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: itemKey,
    overscan: OVERSCAN,
  });
  const gridTemplate = columns
    .map(({ width, numeric }) => width ?? (numeric ? "minmax(7rem, 1fr)" : "minmax(8rem, 1.4fr)"))
    .join(" ");

  return (
    // Reached by keyboard, so that the arrow keys scroll it.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls by the keyboard.
    <section ref={scroller} className="table-scroller" aria-label={label} tabIndex={0}>
      {/* Laid out as a grid, tables are no longer tables to all browsers: so their roles are said. */}
      {/* biome-ignore-start lint/a11y/noRedundantRoles: see above. */}
      {/* biome-ignore-start lint/a11y/useSemanticElements: see above. */}
      <table
        role="table"
        aria-label={label}
        aria-rowcount={sortedRows.length + 1 + (totals ? 1 : 0)}
        style={{ gridTemplateColumns: gridTemplate }}
      >
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1} style={{ gridTemplateColumns: gridTemplate }}>
            {columns.map(({ id, header, numeric, sort }) => {
              const columnSort = sorting.find((each) => each.id === id);
              const direction = columnSort && (columnSort.desc ? "desc" : "asc");
              const Icon = direction === "asc" ? ArrowUp : direction === "desc" ? ArrowDown : ArrowUpDown;
              return (
                <th
                  key={id}
                  role="columnheader"
                  scope="col"
                  data-numeric={numeric || undefined}
                  aria-sort={direction && (direction === "asc" ? "ascending" : "descending")}
                >
                  {sort ? (
                    <Button onPress={() => table.getColumn(id)?.toggleSorting()}>
                      {header}
                      <Icon size={13} aria-hidden opacity={direction ? 1 : 0.45} />
                    </Button>
                  ) : (
                    header
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody role="rowgroup" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ index, key, start }) => {
            const row = sortedRows[index];
            return (
              row && (
                <tr
                  key={key}
                  role="row"
                  aria-rowindex={index + 2}
                  style={{ gridTemplateColumns: gridTemplate, transform: `translateY(${start}px)` }}
                >
                  {columns.map(({ id, cell, numeric }) => (
                    <td key={id} role="cell" data-column={id} data-numeric={numeric || undefined}>
                      {cell(row.original)}
                    </td>
                  ))}
                </tr>
              )
            );
          })}
        </tbody>
        {totals && (
          <tfoot role="rowgroup">
            <tr role="row" aria-rowindex={sortedRows.length + 2} style={{ gridTemplateColumns: gridTemplate }}>
              {columns.map(({ id, numeric }) => (
                <td key={id} role="cell" data-column={id} data-numeric={numeric || undefined}>
                  {totals[id]}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
      {/* biome-ignore-end lint/a11y/noRedundantRoles: see above. */}
      {/* biome-ignore-end lint/a11y/useSemanticElements: see above. */}
      {onLoadMore && (
        <div className="table-more">
          <Button className="button quiet" onPress={onLoadMore} isPending={isLoading}>
            {isLoading ? "Loading…" : "Show more"}
          </Button>
        </div>
      )}
    </section>
  );
}
