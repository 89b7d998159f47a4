/** The lists of objects in an answer, as tables. */

export type Cell = string | number | boolean | null;

export interface List {
  /** Where it stands in the answer: listVpps.items. One in each item of another is one list, of them all. */
  path: string;
  columns: string[];
  rows: Record<string, Cell>[];
}

/** Finds the lists of objects in an answer's data, in the order in which they stand there. */
export function listsOf(data: unknown): List[] {
  const found = new Map<string, Record<string, Cell>[]>();
  collect(data, "", found);
  return [...found].map(([path, rows]) => ({ path, rows, columns: [...new Set(rows.flatMap(Object.keys))] }));
}

/** Whether a column holds figures alone: numbers, or amounts of money. */
export const isNumeric = ({ rows }: List, column: string) =>
  rows.every((row) => {
    const cell = row[column] ?? null;
    return cell === null || typeof cell === "number" || (/Aud$/.test(column) && FIGURE.test(String(cell)));
  });

/** What a column of figures, or of others, is sorted by. */
export const sortedBy = (cell: Cell | undefined, isFigures: boolean): string | number =>
  isFigures ? Number(cell ?? Number.NEGATIVE_INFINITY) : String(cell ?? "");

const FIGURE = /^-?\d+(\.\d+)?$/;

function collect(value: unknown, path: string, found: Map<string, Record<string, Cell>[]>): void {
  if (isListOfObjects(value)) {
    found.set(path, [...(found.get(path) ?? []), ...value.map((row) => cellsOf(row))]);
    for (const row of value) collect(row, path, found);
  } else if (isObject(value)) {
    for (const [name, below] of Object.entries(value)) collect(below, path ? `${path}.${name}` : name, found);
  }
}

/** Lays an object flat: {park: {name}} is park.name. Of a list of objects, which has a table of its own, how many. */
function cellsOf(row: object, prefix = ""): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  for (const [name, value] of Object.entries(row)) {
    if (isListOfObjects(value)) cells[prefix + name] = `[${value.length}]`;
    else if (Array.isArray(value)) cells[prefix + name] = value.join(", ");
    else if (isObject(value)) Object.assign(cells, cellsOf(value, `${prefix}${name}.`));
    else cells[prefix + name] = value as Cell;
  }
  return cells;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const isListOfObjects = (value: unknown): value is object[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => isObject(each) && !Array.isArray(each));
