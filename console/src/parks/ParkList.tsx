/** The parks there are: to be found, changed, and chosen to see their days. */

import { Pencil } from "lucide-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { ChoiceOf, SearchInput } from "../components/fields";
import { count, counted } from "../components/format";
import { Empty } from "../components/states";
import type { EnergyType } from "../schema";
import { useMay } from "../session/session";
import { ENERGY_TYPES, type Park } from "./dayStats";
import { PARKS_AT_ONCE, useChoice } from "./selection";

const TYPES: { value: EnergyType | "ALL"; label: string }[] = [
  { value: "ALL", label: "Wind and solar" },
  { value: "WIND", label: "Wind" },
  { value: "SOLAR", label: "Solar" },
];

export function ParkList({ parks }: { parks: readonly Park[] }) {
  const [search, setSearch] = useState("");
  const [type, setType] = useState<EnergyType | "ALL">("ALL");
  const columns = useColumns();
  const wanted = search.trim().toLowerCase();
  const found = parks.filter(
    ({ name, timezone, energyType }) =>
      (type === "ALL" || energyType === type) && `${name} ${timezone}`.toLowerCase().includes(wanted),
  );
  return (
    <section className="stack" aria-labelledby="parks-there">
      <div className="row apart find">
        <h2 id="parks-there">
          {found.length < parks.length && `${count(found.length)} of `}
          {counted(parks.length, "park")}
        </h2>
        <div className="row fields">
          <SearchInput label="Find a park by name or timezone" value={search} onChange={setSearch} />
          <ChoiceOf label="Energy type" options={TYPES} value={type} onChange={setType} />
        </div>
      </div>
      {found.length === 0 ? (
        <Empty title="No park is like this" />
      ) : (
        <DataTable label="Parks" columns={columns} rows={found} rowKey={({ id }) => id} />
      )}
    </section>
  );
}

function useColumns(): Column<Park>[] {
  const mayChange = useMay("OPERATOR");
  const { parks: chosen, chooseParks } = useChoice();
  const [params] = useSearchParams();
  const address = params.toString();
  const key = chosen.join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` and `address` say all of `chosen`, and `chooseParks` is the same for each.
  return useMemo(() => {
    const only = (name: string) => {
      const alone = new URLSearchParams(address);
      for (const each of ["park", "by", "do", "about"]) alone.delete(each);
      alone.set("park", name);
      return `?${alone}`;
    };
    const columns: Column<Park>[] = [
      {
        id: "shown",
        header: "Shown",
        width: "5rem",
        cell: ({ name }) => (
          <label className="check">
            <input
              type="checkbox"
              aria-label={`Show the days of ${name}`}
              checked={chosen.includes(name)}
              disabled={!chosen.includes(name) && chosen.length === PARKS_AT_ONCE}
              onChange={({ target }) =>
                chooseParks((present) => {
                  const others = present.filter((each) => each !== name);
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
        cell: ({ name }) => <Link to={only(name)}>{name}</Link>,
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
        header: "Change",
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
  }, [mayChange, key, address]);
}
