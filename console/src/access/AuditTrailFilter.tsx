import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { DayRange } from "../components/DayRange";
import { ChoiceOf } from "../components/fields";
import { Chosen } from "../components/SelectedItems";
import { useNarrowing } from "./auditFilter";
import { title } from "./readableNames";

const ANY = "";
const TYPES = ["Vpp", "Site", "Battery", "Import", "RevenueReport", "Park", "ApiKey"];
const ACTIONS = [
  ...["createVpp", "updateVpp", "deleteVpp"],
  ...["createSite", "updateSite", "assignSite", "deleteSite"],
  ...["addBattery", "updateBattery", "removeBattery"],
  ...["createImport", "startImport", "cancelImport", "revertImport"],
  "generateRevenueReport",
  ...["createPark", "updatePark"],
  ...["createApiKey", "revokeApiKey"],
];

export function TrailFilter() {
  const { chosen, isNarrowed, choose, clear } = useNarrowing();
  return (
    <div className="row filter">
      <ChoiceOf
        label="Object"
        options={[{ value: ANY, label: "Any" }, ...TYPES.map((value) => ({ value, label: title(value) }))]}
        value={chosen.type ?? ANY}
        onChange={(type) => choose({ type })}
      />
      <ChoiceOf
        label="Action"
        options={[{ value: ANY, label: "Any" }, ...ACTIONS.map((value) => ({ value, label: title(value) }))]}
        value={chosen.action ?? ANY}
        onChange={(action) => choose({ action })}
      />
      <Caller caller={chosen.caller ?? ""} choose={(caller) => choose({ caller })} />
      <DayRange first={chosen.first} last={chosen.last} onChange={choose} hint="In NEM time (UTC+10)" />
      {isNarrowed && (
        <Button className="button quiet" onPress={clear}>
          Show all changes
        </Button>
      )}
      {chosen.object && (
        <Chosen
          label="Narrowed down to"
          chosen={[{ id: chosen.object, name: `Changes of ${chosen.object}` }]}
          takeOut={() => choose({ object: null })}
        />
      )}
    </div>
  );
}

/** The API finds callers by their whole names, so it is asked once one is written. */
function Caller({ caller, choose }: { caller: string; choose: (caller: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed !== null) choose(typed.trim());
      }}
    >
      <TextField
        className="field"
        value={typed ?? caller}
        onChange={setTyped}
        onBlur={() => {
          if (typed !== null) choose(typed.trim());
          setTyped(null);
        }}
      >
        <Label>Caller, by the whole name</Label>
        <Input />
      </TextField>
    </Form>
  );
}
