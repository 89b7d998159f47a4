import { ChevronDown } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Button, ComboBox, Group, Input, Label, ListBox, ListBoxItem, Popover } from "react-aria-components";
import { useQuery } from "urql";

import { FindVppsDocument } from "../schema";

interface Vpp {
  id: string;
  name: string;
}

/** A VPP, found by a part of its name. `chosen` is the one of `vppId`, once it is read. */
export function VppChoice({
  vppId,
  chosen,
  onChange,
}: {
  vppId: string | null;
  chosen: Vpp | null;
  onChange: (id: string) => void;
}) {
  // Nothing is typed while the chosen one's name stands there.
  const [typed, setTyped] = useState<string | null>(null);
  const [picked, setPicked] = useState<Vpp | null>(null);
  const name = [picked, chosen].find((vpp) => vpp?.id === vppId)?.name ?? "";
  const nameContains = useDeferredValue((typed ?? "").trim());
  const [{ data }] = useQuery({
    query: FindVppsDocument,
    variables: { filter: nameContains ? { nameContains } : null },
    requestPolicy: "cache-and-network",
  });
  const found = data?.listVpps.items ?? [];

  return (
    <ComboBox
      className="field vpp-choice"
      items={found}
      inputValue={typed ?? name}
      onInputChange={setTyped}
      selectedKey={vppId}
      onSelectionChange={(key) => {
        setTyped(null);
        const vpp = found.find(({ id }) => id === key);
        if (!vpp || vpp.id === vppId) return;
        setPicked(vpp);
        onChange(vpp.id);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
    >
      <Label>VPP</Label>
      <Group className="control">
        <Input placeholder="Find by name" />
        <Button className="button quiet icon" aria-label="Show VPPs">
          <ChevronDown size={16} aria-hidden />
        </Button>
      </Group>
      <Popover className="popover">
        <ListBox<Vpp>
          renderEmptyState={() => (
            <p className="soft small">{data ? "No VPP has this in its name" : "Looking for VPPs…"}</p>
          )}
        >
          {({ id, name }) => <ListBoxItem id={id}>{name}</ListBoxItem>}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
