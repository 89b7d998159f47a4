/** Fields that pick VPPs by name, and sites by NMI or address. */

import { type ReactNode, useDeferredValue, useState } from "react";
import { useQuery } from "urql";

import { Picker } from "../components/Picker";
import { SelectedItems } from "../components/SelectedItems";
import { FindSitesByNmiOrAddressDocument, FindVppsByNameDocument } from "../schema";
import { SiteNmi, VppName } from "./objectNames";

interface Props {
  selectedIds: string[];
  onChange: (ids: string[]) => void;
  problem: string;
}

const NMI = /^[0-9A-Z]{10,11}$/;

export function VppPicker({ selectedIds, ...props }: Props) {
  const [text, setText] = useState("");
  const searchText = useDeferredValue(text.trim());
  const [{ data }] = useQuery({ query: FindVppsByNameDocument, variables: { text: searchText } });
  const matches = data?.listVpps.items.map(({ id, name }) => ({ id, name })) ?? [];
  return (
    <MultiPicker
      label="Access limited to VPPs"
      hint="Leave it empty for access to all VPPs"
      empty="No VPP matches this name"
      text={text}
      setText={setText}
      matches={matches}
      selected={selectedIds.map((id) => ({ id, name: <VppName id={id} /> }))}
      {...props}
    />
  );
}

export function SitePicker({ selectedIds, ...props }: Props) {
  const [text, setText] = useState("");
  const searchText = useDeferredValue(text.trim());
  const variables = { text: searchText, isNmi: NMI.test(searchText) };
  const [{ data }] = useQuery({ query: FindSitesByNmiOrAddressDocument, variables });
  const sites = data?.getSiteByNmi ? [data.getSiteByNmi] : (data?.listSites.items ?? []);
  const matches = sites.map(({ id, nmi, address }) => ({ id, name: `${nmi}, ${address}` }));
  return (
    <MultiPicker
      label="Access limited to sites"
      hint="At least one. Find sites by NMI or address"
      empty="No site matches this NMI or address"
      text={text}
      setText={setText}
      matches={matches}
      selected={selectedIds.map((id) => ({ id, name: <SiteNmi id={id} /> }))}
      {...props}
    />
  );
}

/** Picks several items one by one, and lists them below. */
function MultiPicker({
  label,
  hint,
  empty,
  text,
  setText,
  matches,
  selected,
  onChange,
  problem,
}: {
  label: string;
  hint: string;
  empty: string;
  text: string;
  setText: (text: string) => void;
  matches: { id: string; name: string }[];
  selected: { id: string; name: ReactNode }[];
  onChange: (ids: string[]) => void;
  problem: string;
}) {
  const ids = selected.map(({ id }) => id);
  return (
    <div className="field">
      <Picker
        label={label}
        hint={hint}
        empty={matches.length > 0 ? "All matches are selected" : empty}
        problem={problem}
        items={matches.filter(({ id }) => !ids.includes(id))}
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
      {selected.length > 0 && (
        <SelectedItems
          label={label}
          items={selected}
          onRemove={(id) => onChange(ids.filter((otherId) => otherId !== id))}
        />
      )}
    </div>
  );
}
