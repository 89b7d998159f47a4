/** Finds the lists of objects in a response, to show them as tables. */

export type Cell = string | number | boolean | null;

export interface ResponseList {
  /** The list's path in the response, such as listVpps.items. Lists nested in the items of a list are concatenated. */
  path: string;
  columns: string[];
  rows: Record<string, Cell>[];
}

/** Returns the lists of objects in a response's data, in their order. */
export function findLists(data: unknown): ResponseList[] {
  const found = new Map<string, Record<string, Cell>[]>();
  collectLists(data, "", found);
  return [...found].map(([path, rows]) => ({ path, rows, columns: [...new Set(rows.flatMap(Object.keys))] }));
}

/** Whether a column contains only numbers or amounts of money. */
export const isNumeric = ({ rows }: ResponseList, column: string) =>
  rows.every((row) => {
    const cell = row[column] ?? null;
    return cell === null || typeof cell === "number" || (/Aud$/.test(column) && FIGURE.test(String(cell)));
  });

/** Returns the sort key of a cell in a numeric or a text column. */
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

/** Flattens an object: {park: {name}} becomes park.name. A list of objects becomes its length. */
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
  Array.isArray(value) && value.length > 0 && value.every((item) => isObject(item) && !Array.isArray(item));
