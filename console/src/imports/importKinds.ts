/** The import kinds: their labels and columns. */

import type { ImportKind } from "../schema";

interface Kind {
  label: string;
  /** The server accepts them in any order and case. */
  columns: readonly string[];
  /** What one row means, for users. */
  rowDescription: string;
}

export const KINDS: Record<ImportKind, Kind> = {
  BATTERY_EVENTS: {
    label: "Battery events",
    columns: ["NMI", "DATE", "EVENT_TYPE", "ENERGY", "TARIFF"],
    rowDescription: "Each row says how much energy a site's batteries took or gave on a day, and at what tariff.",
  },
  PARKS: {
    label: "Parks",
    columns: ["park_name", "timezone", "energy_type"],
    rowDescription: "Each row creates a park, or changes the one of its name.",
  },
  PARK_READINGS: {
    label: "Readings of a park",
    columns: ["datetime", "MW"],
    rowDescription: "Each row says a park's mean power from a moment on, by the park's own clocks.",
  },
};

export const ALL_KINDS = Object.keys(KINDS) as ImportKind[];
