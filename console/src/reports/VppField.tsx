import { useDeferredValue, useState } from "react";
import { useQuery } from "urql";

import { Picker } from "../components/Picker";
import { FindVppsDocument } from "../schema";

interface Vpp {
  id: string;
  name: string;
}

/** A field that picks a VPP by part of its name. `chosen` is the VPP of `vppId`, once loaded. */
export function VppField({
  vppId,
  chosen,
  onChange,
}: {
  vppId: string | null;
  chosen: Vpp | null;
  onChange: (id: string) => void;
}) {
  // Null while the field shows the name of the chosen VPP.
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
      empty={data ? "No VPP matches this name" : "Searching…"}
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
