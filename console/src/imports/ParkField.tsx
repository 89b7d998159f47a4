/** A field for the park of a readings file, found by name. */

import { useMemo, useState } from "react";

import { Picker } from "../components/Picker";
import { usePaginatedList } from "../components/paginatedList";
import { Failure } from "../components/states";
import { ListParksToChooseDocument } from "../schema";

const PAGE_SIZE = 200;
const MAX_OPTIONS = 100;

export function ParkField({ parkId, onChange }: { parkId: string | null; onChange: (id: string | null) => void }) {
  const parks = usePaginatedList(ListParksToChooseDocument, { limit: PAGE_SIZE }, (data) => data.listParks, {
    loadAll: true,
  });
  const chosen = parks.items.find(({ id }) => id === parkId);
  const [typed, setTyped] = useState<string | null>(null);
  const matches = useMemo(() => {
    const searchText = (typed ?? "").trim().toLowerCase();
    return parks.items.filter(({ name }) => name.toLowerCase().includes(searchText)).slice(0, MAX_OPTIONS);
  }, [parks.items, typed]);

  if (parks.error) return <Failure error={parks.error} retry={parks.reload} />;
  return (
    <Picker
      label="Park"
      hint={chosen ? `Times are local times in ${chosen.timezone}` : "The park that the readings belong to"}
      placeholder={parks.isLoadingFirstPage ? "Loading the parks…" : "Find by name"}
      empty={parks.isLoadingFirstPage ? "Loading the parks…" : "No park matches this name"}
      items={matches}
      inputValue={typed ?? chosen?.name ?? ""}
      onInputChange={setTyped}
      value={parkId}
      onChange={(key) => {
        onChange(key === null ? null : String(key));
        setTyped(null);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
      isRequired
    />
  );
}
