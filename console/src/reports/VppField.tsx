import { useDeferredValue, useState } from "react";
import { useQuery } from "urql";

import { Picker } from "../components/Picker";
import { FindVppsDocument } from "../schema";

interface Vpp {
  id: string;
  name: string;
}

/** A VPP, found by a part of its name. `chosen` is the one of `vppId`, once it is read. */
export function VppField({
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
    <Picker
      label="VPP"
      placeholder="Find by name"
      empty={data ? "No VPP has this in its name" : "Looking for VPPs…"}
      items={found}
      inputValue={typed ?? name}
      onInputChange={setTyped}
      value={vppId}
      onChange={(key) => {
        setTyped(null);
        const vpp = found.find(({ id }) => id === key);
        if (!vpp || vpp.id === vppId) return;
        setPicked(vpp);
        onChange(vpp.id);
      }}
      menuTrigger="focus"
      allowsEmptyCollection
    />
  );
}
