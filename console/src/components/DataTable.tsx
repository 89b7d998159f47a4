/** A sortable, virtualised table: only the visible rows are rendered, so any number of rows stays fast. */

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
  /** The sort key. Without it, the column cannot be sorted. */
  sort?: (row: Row) => string | number | bigint;
  /** Whether the column holds numbers, which are aligned right. */
  numeric?: boolean;
  /** As in CSS grid-template-columns; by default "minmax(8rem, 1.4fr)", or "minmax(7rem, 1fr)" if numeric. */
  width?: string;
}

interface Props<Row extends object> {
  /** The accessible name. */
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  /** The initial sorting; by default the order of `rows`. */
  initialSort?: { id: string; desc?: boolean };
  /** The cells of a footer row of totals, by column id. */
  totals?: Record<string, ReactNode>;
  /** Loads the next page, if there is one. */
  onLoadMore?: (() => void) | undefined;
  isLoading?: boolean;
}

const ROW_PX = 41;
const OVERSCAN = 16;

// One collator for all tables: creating one takes about as long as a hundred comparisons.
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
  // The heading shows the new sorting immediately; sorting ten thousand rows is deferred.
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
  // A stable function: with a new one per render, the virtualizer would measure every row again.
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
    // biome-ignore lint/a11y/noNoninteractiveTabindex: focusable, so that the arrow keys scroll it.
    <section ref={scroller} className="table-scroller" aria-label={label} tabIndex={0}>
      {/* With display: grid, some browsers drop the table semantics, so the ARIA roles are explicit. */}
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
              const columnSort = sorting.find((entry) => entry.id === id);
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
