/** The import kinds: their labels and columns. */

import type { ImportKind } from "../schema";

interface Kind {
  label: string;
  /** The column names. The server accepts them in any order and case. */
  columns: readonly string[];
  /** The meaning of one row, as shown to users. */
  rowDescription: string;
}

export const KINDS: Record<ImportKind, Kind> = {
  BATTERY_EVENTS: {
    label: "Battery events",
    columns: ["NMI", "DATE", "EVENT_TYPE", "ENERGY", "TARIFF"],
    rowDescription: "Each row is the energy that a site's batteries charged or discharged on a day, and its tariff.",
  },
  PARKS: {
    label: "Parks",
    columns: ["park_name", "timezone", "energy_type"],
    rowDescription: "Each row creates a park, or updates the park with that name.",
  },
  PARK_READINGS: {
    label: "Readings of a park",
    columns: ["datetime", "MW"],
    rowDescription:
      "Each row is a park's mean power in a quarter of an hour, with the local time at which that begins.",
  },
};

export const ALL_KINDS = Object.keys(KINDS) as ImportKind[];
