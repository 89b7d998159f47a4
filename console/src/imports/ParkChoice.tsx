/** Whose readings a file holds: a park, found by its name. */

import { ChevronDown } from "lucide-react";
import { useMemo, useState } from "react";
import { Button, ComboBox, Group, Input, Label, ListBox, ListBoxItem, Popover, Text } from "react-aria-components";

import { usePages } from "../parts/pages";
import { Failure } from "../parts/states";
import { ListParksToChooseDocument } from "../schema";

const PARKS_A_PAGE = 200;
const PARKS_LISTED = 100;

export function ParkChoice({ parkId, choose }: { parkId: string | null; choose: (id: string | null) => void }) {
  const parks = usePages(ListParksToChooseDocument, { limit: PARKS_A_PAGE }, (data) => data.listParks, { all: true });
  const chosen = parks.items.find(({ id }) => id === parkId);
  const [typed, setTyped] = useState<string | null>(null);
  const input = typed ?? chosen?.name ?? "";
  const found = useMemo(() => {
    const wanted = (typed ?? "").trim().toLowerCase();
    return parks.items.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, PARKS_LISTED);
  }, [parks.items, typed]);

  if (parks.error) return <Failure error={parks.error} retry={parks.reload} />;
  return (
    <ComboBox
      className="field"
      items={found}
      inputValue={input}
      onInputChange={setTyped}
      value={parkId}
      onChange={(key) => {
        choose(key === null ? null : String(key));
        setTyped(null);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
      isRequired
    >
      <Label>Park</Label>
      <Group className="control combo">
        <Input placeholder={parks.isFirst ? "Reading the parks…" : "Find it by its name"} />
        <Button className="button quiet icon">
          <ChevronDown size={16} aria-hidden />
        </Button>
      </Group>
      <Text slot="description">
        {chosen ? `Its times are read by the clocks of ${chosen.timezone}` : "The park whose readings these are"}
      </Text>
      <Popover className="popover">
        <ListBox
          items={found}
          renderEmptyState={() => <p className="soft">{parks.isFirst ? "Reading…" : "No park has this name."}</p>}
        >
          {({ id, name }) => <ListBoxItem id={id}>{name}</ListBoxItem>}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
