import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";

import { DayRange } from "../components/DayRange";
import { SelectField } from "../components/fields";
import { SelectedItems } from "../components/SelectedItems";
import { useAuditFilter } from "./auditFilter";
import { readableTitle } from "./readableNames";

const ANY = "";
const TYPES = ["Vpp", "Site", "Battery", "Import", "RevenueReport", "Park", "ApiKey"];
const ACTIONS = [
  ...["createVpp", "updateVpp", "deleteVpp"],
  ...["createSite", "updateSite", "assignSite", "unassignSite", "deleteSite"],
  ...["addBattery", "updateBattery", "removeBattery"],
  ...["createImport", "startImport", "cancelImport", "revertImport"],
  "generateRevenueReport",
  ...["createPark", "updatePark"],
  ...["createApiKey", "revokeApiKey"],
];

export function AuditTrailFilter() {
  const { filter, isFiltered, setFilter, clear } = useAuditFilter();
  return (
    <div className="row filter">
      <SelectField
        label="Object"
        options={[{ value: ANY, label: "Any" }, ...TYPES.map((value) => ({ value, label: readableTitle(value) }))]}
        value={filter.type ?? ANY}
        onChange={(type) => setFilter({ type })}
      />
      <SelectField
        label="Action"
        options={[{ value: ANY, label: "Any" }, ...ACTIONS.map((value) => ({ value, label: readableTitle(value) }))]}
        value={filter.action ?? ANY}
        onChange={(action) => setFilter({ action })}
      />
      <CallerField caller={filter.caller ?? ""} onChange={(caller) => setFilter({ caller })} />
      <DayRange first={filter.first} last={filter.last} onChange={setFilter} hint="In NEM time (UTC+10)" />
      {isFiltered && (
        <Button className="button quiet" onPress={clear}>
          Clear the filter
        </Button>
      )}
      {filter.object && (
        <SelectedItems
          label="Filtered by"
          items={[{ id: filter.object, name: `Changes of ${filter.object}` }]}
          onRemove={() => setFilter({ object: null })}
        />
      )}
    </div>
  );
}

/** The API matches a caller's full name, so the filter is applied when the field is left or Enter is pressed. */
function CallerField({ caller, onChange }: { caller: string; onChange: (caller: string) => void }) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed !== null) onChange(typed.trim());
      }}
    >
      <TextField
        className="field"
        value={typed ?? caller}
        onChange={setTyped}
        onBlur={() => {
          if (typed !== null) onChange(typed.trim());
          setTyped(null);
        }}
      >
        <Label>Caller (full name)</Label>
        <Input />
      </TextField>
    </Form>
  );
}
