/** Whose readings a file holds: a park, found by its name. */

import { useMemo, useState } from "react";
import { Picker } from "../components/Picker";
import { usePages } from "../components/paginatedList";
import { Failure } from "../components/states";
import { ListParksToChooseDocument } from "../schema";

const PARKS_A_PAGE = 200;
const PARKS_LISTED = 100;

export function ParkChoice({ parkId, choose }: { parkId: string | null; choose: (id: string | null) => void }) {
  const parks = usePages(ListParksToChooseDocument, { limit: PARKS_A_PAGE }, (data) => data.listParks, { all: true });
  const chosen = parks.items.find(({ id }) => id === parkId);
  const [typed, setTyped] = useState<string | null>(null);
  const found = useMemo(() => {
    const wanted = (typed ?? "").trim().toLowerCase();
    return parks.items.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, PARKS_LISTED);
  }, [parks.items, typed]);

  if (parks.error) return <Failure error={parks.error} retry={parks.reload} />;
  return (
    <Picker
      label="Park"
      hint={chosen ? `Its times are read by the clocks of ${chosen.timezone}` : "The park whose readings these are"}
      placeholder={parks.isFirst ? "Reading the parks…" : "Find it by its name"}
      empty={parks.isFirst ? "Reading the parks…" : "No park has this in its name"}
      items={found}
      inputValue={typed ?? chosen?.name ?? ""}
      onInputChange={setTyped}
      value={parkId}
      onChange={(key) => {
        choose(key === null ? null : String(key));
        setTyped(null);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
      isRequired
    />
  );
}
