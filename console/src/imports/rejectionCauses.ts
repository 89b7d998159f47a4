/** The causes of rejections, for users: the fault, and how to correct it. */

import type { ImportRejectionCode, ListRejectionsQuery } from "../schema";

export type Rejection = NonNullable<ListRejectionsQuery["getImport"]>["rejections"]["items"][number];

/** Rejected rows with the same code and column. */
export interface Cause {
  key: string;
  code: ImportRejectionCode;
  column: string | null;
  count: number;
  /** The number of occurrences of each value, for the first MAX_VALUES distinct values. */
  values: Map<string, number>;
}

const MAX_VALUES = 1000;
const MAX_VALUES_SHOWN = 3;

export const causeKey = ({ code, column }: { code: ImportRejectionCode; column: string | null }) =>
  `${code} ${column ?? ""}`;

/** Adds a rejection to the count of its cause. */
export function addToCauses(causes: Map<string, Cause>, rejection: Rejection): void {
  const key = causeKey(rejection);
  const { code, column } = rejection;
  const cause = causes.get(key) ?? { key, code, column, count: 0, values: new Map<string, number>() };
  const value = /^'(.*?)' (?:is|has|does)/.exec(rejection.message)?.[1];
  if (value !== undefined && (cause.values.has(value) || cause.values.size < MAX_VALUES)) {
    cause.values.set(value, (cause.values.get(value) ?? 0) + 1);
  }
  cause.count += 1;
  causes.set(key, cause);
}

/** Returns the most frequent values, if any occurs more than once. */
export function mostFrequentValues({ values }: Cause): [value: string, count: number][] {
  const often = [...values].filter(([, count]) => count > 1).sort(([, a], [, b]) => b - a);
  return often.slice(0, MAX_VALUES_SHOWN);
}

export function describeFault({ code, column }: Pick<Cause, "code" | "column">): string {
  const it = column ?? "The row";
  return {
    WRONG_COLUMN_COUNT: "The row has too few or too many fields",
    MISSING_VALUE: `${it} is empty`,
    MALFORMED_DATE: `${it} is not a date in the expected format`,
    NONEXISTENT_LOCAL_TIME: `${it} does not exist in the park's local time`,
    MALFORMED_NUMBER: `${it} is not a number, or has too many decimals`,
    OUT_OF_RANGE: `${it} is out of range`,
    UNKNOWN_EVENT_TYPE: `${it} is not an event type`,
    MALFORMED_NMI: `${it} is not an NMI`,
    UNKNOWN_NMI: `${it} matches no site`,
    UNKNOWN_ENERGY_TYPE: `${it} is not an energy type`,
    UNKNOWN_TIMEZONE: `${it} is not a valid timezone`,
    NOT_UTF8: `${it} is not UTF-8`,
  }[code];
}

export const REPAIR_HINTS: Record<ImportRejectionCode, string> = {
  WRONG_COLUMN_COUNT: "Give the row as many fields as the header has. Put text that contains a comma in quotes.",
  MISSING_VALUE: "Fill it in.",
  MALFORMED_DATE: "Use the expected format.",
  NONEXISTENT_LOCAL_TIME: "The clocks went forward and skipped it. Correct the hour, or the park's timezone.",
  MALFORMED_NUMBER: "Write a plain decimal with a point and at most six decimals, such as 12.345678.",
  OUT_OF_RANGE: "Correct it, or its unit.",
  UNKNOWN_EVENT_TYPE: "Write CHARGE or DISCHARGE.",
  MALFORMED_NMI: "Write ten characters, or eleven with the right check digit.",
  UNKNOWN_NMI: "Create the site in the fleet, or correct the NMI; then import the rejected rows again.",
  UNKNOWN_ENERGY_TYPE: "Write Solar or Wind.",
  UNKNOWN_TIMEZONE: "Write a name of the IANA database, such as Europe/Amsterdam.",
  NOT_UTF8: "Save the file in UTF-8.",
};
