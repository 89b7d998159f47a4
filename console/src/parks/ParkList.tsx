/** The list of parks: searched, filtered, edited, and selected for the charts. */

import { Pencil } from "lucide-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { SearchField, SelectField } from "../components/fields";
import { formatCount, formatInteger } from "../components/format";
import { Empty } from "../components/states";
import type { EnergyType } from "../schema";
import { useHasRole } from "../session/session";
import { ENERGY_TYPES, type Park } from "./dayStats";
import { MAX_PARKS, useSelection } from "./selection";

const TYPES: { value: EnergyType | "ALL"; label: string }[] = [
  { value: "ALL", label: "Wind and solar" },
  { value: "WIND", label: "Wind" },
  { value: "SOLAR", label: "Solar" },
];

export function ParkList({ parks }: { parks: readonly Park[] }) {
  const [search, setSearch] = useState("");
  const [type, setType] = useState<EnergyType | "ALL">("ALL");
  const columns = useColumns();
  const searchText = search.trim().toLowerCase();
  const found = parks.filter(
    ({ name, timezone, energyType }) =>
      (type === "ALL" || energyType === type) && `${name} ${timezone}`.toLowerCase().includes(searchText),
  );
  return (
    <section className="stack" aria-labelledby="park-count">
      <div className="row apart find">
        <h2 id="park-count">
          {found.length < parks.length && `${formatInteger(found.length)} of `}
          {formatCount(parks.length, "park")}
        </h2>
        <div className="row fields">
          <SearchField label="Find a park by name or timezone" value={search} onChange={setSearch} />
          <SelectField label="Energy type" options={TYPES} value={type} onChange={setType} />
        </div>
      </div>
      {found.length === 0 ? (
        <Empty title="No park matches the filter" />
      ) : (
        <DataTable label="Parks" columns={columns} rows={found} rowKey={({ id }) => id} />
      )}
    </section>
  );
}

function useColumns(): Column<Park>[] {
  const mayChange = useHasRole("OPERATOR");
  const { parks: chosen, selectParks } = useSelection();
  const [params] = useSearchParams();
  const query = params.toString();
  const key = chosen.join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` and `query` change if `chosen` or the URL does.
  return useMemo(() => {
    const onlyParkPath = (name: string) => {
      const params = new URLSearchParams(query);
      for (const param of ["park", "by", "do", "about"]) params.delete(param);
      params.set("park", name);
      return `?${params}`;
    };
    const columns: Column<Park>[] = [
      {
        id: "shown",
        header: "Show",
        width: "5rem",
        cell: ({ name }) => (
          <label className="check">
            <input
              type="checkbox"
              aria-label={`Show the days of ${name}`}
              checked={chosen.includes(name)}
              disabled={!chosen.includes(name) && chosen.length === MAX_PARKS}
              onChange={({ target }) =>
                selectParks((current) => {
                  const others = current.filter((other) => other !== name);
                  return target.checked ? [...others, name] : others;
                })
              }
            />
          </label>
        ),
      },
      {
        id: "name",
        header: "Name",
        width: "minmax(12rem, 2.5fr)",
        cell: ({ name }) => <Link to={onlyParkPath(name)}>{name}</Link>,
        sort: ({ name }) => name,
      },
      {
        id: "energyType",
        header: "Energy type",
        width: "minmax(8rem, 1fr)",
        cell: ({ energyType }) => ENERGY_TYPES[energyType],
        sort: ({ energyType }) => energyType,
      },
      {
        id: "timezone",
        header: "Timezone",
        cell: ({ timezone }) => timezone,
        sort: ({ timezone }) => timezone,
      },
    ];
    if (mayChange) {
      columns.push({
        id: "change",
        header: "Edit",
        width: "5.5rem",
        cell: ({ id, name }) => (
          <DialogButton opens="edit-park" about={id} className="button quiet small" label={`Edit ${name}`}>
            <Pencil size={14} aria-hidden />
            Edit
          </DialogButton>
        ),
      });
    }
    return columns;
  }, [mayChange, key, query]);
}
