/** A VPP, found by a part of its name. */

import { ChevronDown } from "lucide-react";
import { useEffect, useState } from "react";
import {
  Button,
  ComboBox,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Text,
} from "react-aria-components";
import { useQuery } from "urql";

import type { FormOf } from "../parts/FormDialog";
import { ListVppsDocument } from "../schema";
import { RESTED_AFTER_MS } from "./asked";

/** Named for the field of the API's input, which a refusal names; the name is what stands in the field. */
interface Values {
  vppId: { id: string; name: string };
}

export const NO_VPP = { id: "", name: "" };
const SHOWN = 20;

export function VppChoice<Form extends Values>({ form }: { form: FormOf<Form> }) {
  const { id, name } = form.values.vppId;
  const nameContains = useRested(name.trim());
  const [{ data }] = useQuery({
    query: ListVppsDocument,
    variables: { filter: { nameContains }, limit: SHOWN },
    requestPolicy: "cache-and-network",
  });
  const vpps = data?.listVpps.items ?? [];
  const set = (vpp: Values["vppId"]) => form.set("vppId", vpp as Form["vppId"]);
  const problem = form.problem("vppId");

  return (
    <ComboBox
      className="field"
      items={vpps}
      value={id || null}
      inputValue={name}
      onInputChange={(typed) => typed !== name && set({ id: "", name: typed })}
      onChange={(key) => {
        const chosen = vpps.find((vpp) => vpp.id === key);
        if (chosen) set({ id: chosen.id, name: chosen.name });
      }}
      isInvalid={problem !== ""}
      isRequired
      allowsEmptyCollection
      // What was typed stays where nothing is chosen, to be corrected.
      allowsCustomValue
      autoFocus
    >
      <Label>VPP</Label>
      <Group className="control combo">
        <Input />
        <Button className="button quiet icon" aria-label="Show VPPs">
          <ChevronDown size={16} aria-hidden />
        </Button>
      </Group>
      <Text slot="description">Type a part of its name, and choose it from the list</Text>
      <FieldError>{problem}</FieldError>
      <Popover className="popover">
        <ListBox renderEmptyState={() => (data ? "No VPP has this in its name" : "Loading…")}>
          {(vpp: (typeof vpps)[number]) => <ListBoxItem textValue={vpp.name}>{vpp.name}</ListBoxItem>}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}

function useRested(text: string): string {
  const [rested, setRested] = useState(text);
  useEffect(() => {
    const rest = setTimeout(() => setRested(text), RESTED_AFTER_MS);
    return () => clearTimeout(rest);
  }, [text]);
  return rested;
}
