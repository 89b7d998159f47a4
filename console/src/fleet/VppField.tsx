/** A form field that picks a VPP by part of its name. */

import { useEffect, useState } from "react";
import { useQuery } from "urql";

import type { FormState } from "../components/FormDialog";
import { Picker } from "../components/Picker";
import { ListVppsDocument } from "../schema";
import { DEBOUNCE_MS } from "./urlInputs";

/** Named like the API's input field, because rejections name that field. `name` is the text in the field. */
interface Values {
  vppId: { id: string; name: string };
}

export const NO_VPP = { id: "", name: "" };
const PAGE_SIZE = 20;

export function VppField<Form extends Values>({ form }: { form: FormState<Form> }) {
  const { id, name } = form.values.vppId;
  const nameContains = useDebounced(name.trim());
  const [{ data }] = useQuery({
    query: ListVppsDocument,
    variables: { filter: { nameContains }, limit: PAGE_SIZE },
    requestPolicy: "cache-and-network",
  });
  const vpps = data?.listVpps.items ?? [];
  const set = (vpp: Values["vppId"]) => form.set("vppId", vpp as Form["vppId"]);

  return (
    <Picker
      label="VPP"
      hint="Type part of the name, and choose from the list"
      empty={data ? "No VPP matches this name" : "Searching…"}
      problem={form.problem("vppId")}
      items={vpps}
      value={id || null}
      inputValue={name}
      onInputChange={(typed) => typed !== name && set({ id: "", name: typed })}
      onChange={(key) => {
        const chosen = vpps.find((vpp) => vpp.id === key);
        if (chosen) set({ id: chosen.id, name: chosen.name });
      }}
      isRequired
      allowsEmptyCollection
      // Keep the typed text if nothing was picked, so that it can be corrected.
      allowsCustomValue
      autoFocus
    />
  );
}

function useDebounced(text: string): string {
  const [debounced, setDebounced] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(text), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return debounced;
}
