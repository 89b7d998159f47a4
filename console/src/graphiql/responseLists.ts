/** The lists of objects in an answer, as tables. */

export type Cell = string | number | boolean | null;

export interface ResponseList {
  /** Where it stands in the answer: listVpps.items. One in each item of another is one list, of them all. */
  path: string;
  columns: string[];
  rows: Record<string, Cell>[];
}

/** Finds the lists of objects in an answer's data, in the order in which they stand there. */
export function findLists(data: unknown): ResponseList[] {
  const found = new Map<string, Record<string, Cell>[]>();
  collectLists(data, "", found);
  return [...found].map(([path, rows]) => ({ path, rows, columns: [...new Set(rows.flatMap(Object.keys))] }));
}

/** Whether a column holds figures alone: numbers, or amounts of money. */
export const isNumeric = ({ rows }: ResponseList, column: string) =>
  rows.every((row) => {
    const cell = row[column] ?? null;
    return cell === null || typeof cell === "number" || (/Aud$/.test(column) && FIGURE.test(String(cell)));
  });

/** What a column of figures, or of others, is sorted by. */
export const sortValue = (cell: Cell | undefined, isFigures: boolean): string | number =>
  isFigures ? Number(cell ?? Number.NEGATIVE_INFINITY) : String(cell ?? "");

const FIGURE = /^-?\d+(\.\d+)?$/;

function collectLists(value: unknown, path: string, found: Map<string, Record<string, Cell>[]>): void {
  if (isListOfObjects(value)) {
    found.set(path, [...(found.get(path) ?? []), ...value.map((row) => flattenObject(row))]);
    for (const row of value) collectLists(row, path, found);
  } else if (isObject(value)) {
    for (const [name, fieldValue] of Object.entries(value))
      collectLists(fieldValue, path ? `${path}.${name}` : name, found);
  }
}

/** Lays an object flat: {park: {name}} is park.name. Of a list of objects, which has a table of its own, how many. */
function flattenObject(row: object, prefix = ""): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  for (const [name, value] of Object.entries(row)) {
    if (isListOfObjects(value)) cells[prefix + name] = `[${value.length}]`;
    else if (Array.isArray(value)) cells[prefix + name] = value.join(", ");
    else if (isObject(value)) Object.assign(cells, flattenObject(value, `${prefix}${name}.`));
    else cells[prefix + name] = value as Cell;
  }
  return cells;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const isListOfObjects = (value: unknown): value is object[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => isObject(each) && !Array.isArray(each));
