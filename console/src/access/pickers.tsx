/** Choosing VPPs by their names, and sites by their NMIs or addresses, out of however many there are. */

import { type ReactNode, useDeferredValue, useState } from "react";
import { useQuery } from "urql";
import { Picker } from "../components/Picker";
import { SelectedItems } from "../components/SelectedItems";
import { FindSitesByNmiOrAddressDocument, FindVppsByNameDocument } from "../schema";
import { SiteNmi, VppName } from "./objectNames";

interface Props {
  chosen: string[];
  onChange: (ids: string[]) => void;
  problem: string;
}

const NMI = /^[0-9A-Z]{10,11}$/;

export function VppPicker({ chosen, ...props }: Props) {
  const [text, setText] = useState("");
  const asked = useDeferredValue(text.trim());
  const [{ data }] = useQuery({ query: FindVppsByNameDocument, variables: { text: asked } });
  const found = data?.listVpps.items.map(({ id, name }) => ({ id, name })) ?? [];
  return (
    <MultiPicker
      label="VPPs it is held to"
      hint="All of them, where none is chosen"
      empty="No VPP has this in its name"
      text={text}
      setText={setText}
      found={found}
      chosen={chosen.map((id) => ({ id, name: <VppName id={id} /> }))}
      {...props}
    />
  );
}

export function SitePicker({ chosen, ...props }: Props) {
  const [text, setText] = useState("");
  const asked = useDeferredValue(text.trim());
  const variables = { text: asked, isNmi: NMI.test(asked) };
  const [{ data }] = useQuery({ query: FindSitesByNmiOrAddressDocument, variables });
  const sites = data?.getSiteByNmi ? [data.getSiteByNmi] : (data?.listSites.items ?? []);
  const found = sites.map(({ id, nmi, address }) => ({ id, name: `${nmi}, ${address}` }));
  return (
    <MultiPicker
      label="Sites it sees"
      hint="At least one: find them by NMI or address"
      empty="No site has this NMI, or this in its address"
      text={text}
      setText={setText}
      found={found}
      chosen={chosen.map((id) => ({ id, name: <SiteNmi id={id} /> }))}
      {...props}
    />
  );
}

/** Picks one after another; those that are chosen stand below. */
function MultiPicker({
  label,
  hint,
  empty,
  text,
  setText,
  found,
  chosen,
  onChange,
  problem,
}: {
  label: string;
  hint: string;
  empty: string;
  text: string;
  setText: (text: string) => void;
  found: { id: string; name: string }[];
  chosen: { id: string; name: ReactNode }[];
  onChange: (ids: string[]) => void;
  problem: string;
}) {
  const ids = chosen.map(({ id }) => id);
  return (
    <div className="field">
      <Picker
        label={label}
        hint={hint}
        empty={found.length > 0 ? "All that were found are chosen" : empty}
        problem={problem}
        items={found.filter(({ id }) => !ids.includes(id))}
        value={null}
        onChange={(id) => {
          if (id === null) return;
          onChange([...ids, String(id)]);
          setText("");
        }}
        inputValue={text}
        onInputChange={setText}
        allowsEmptyCollection
        menuTrigger="focus"
      />
      {chosen.length > 0 && (
        <SelectedItems label={label} items={chosen} onRemove={(id) => onChange(ids.filter((each) => each !== id))} />
      )}
    </div>
  );
}
