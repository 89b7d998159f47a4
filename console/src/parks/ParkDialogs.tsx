import { useMutation } from "urql";

import { FormDialog, type FormState, useDialog } from "../components/FormDialog";
import { SelectInput, TextInput } from "../components/fields";
import { CreateParkDocument, type EnergyType, UpdateParkDocument } from "../schema";
import { ENERGY_TYPES, type Park } from "./dayStats";
import { useSelection } from "./selection";
import { TimezoneInput } from "./TimezoneInput";

interface Values {
  name: string;
  timezone: string;
  energyType: EnergyType;
}

const TYPES: { value: EnergyType; label: string }[] = [
  { value: "WIND", label: ENERGY_TYPES.WIND },
  { value: "SOLAR", label: ENERGY_TYPES.SOLAR },
];

export function CreatePark({ onDone }: { onDone: () => void }) {
  const [, createPark] = useMutation(CreateParkDocument);
  const initial: Values = { name: "", timezone: "", energyType: "WIND" };
  return (
    <FormDialog
      name="create-park"
      title="Create a park"
      initial={initial}
      submitLabel="Create park"
      submit={(values, id) => createPark({ input: { id, ...values } })}
      onDone={onDone}
    >
      {(form) => <Fields form={form} />}
    </FormDialog>
  );
}

export function EditPark({ parks, done }: { parks: readonly Park[]; done: () => void }) {
  const [, updatePark] = useMutation(UpdateParkDocument);
  const { about } = useDialog();
  const { selectParks } = useSelection();
  const park = parks.find(({ id }) => id === about);
  if (!park) return null;
  const { id, name, timezone, energyType } = park;
  const initial: Values = { name, timezone, energyType };
  return (
    <FormDialog
      name="edit-park"
      title={`Edit ${name}`}
      initial={initial}
      submitLabel="Save"
      submit={(values) => updatePark({ input: { id, ...values } })}
      onDone={({ updatePark: changed }) => {
        // The URL contains names of parks, so it changes when a selected park is renamed.
        const renamed = (parkName: string) => (changed && parkName === name ? changed.name : parkName);
        selectParks((current) => current.map(renamed), { replace: true });
        done();
      }}
    >
      {(form) => <Fields form={form} />}
    </FormDialog>
  );
}

function Fields({ form }: { form: FormState<Values> }) {
  return (
    <>
      <TextInput form={form} name="name" label="Name" isRequired autoFocus />
      <TimezoneInput form={form} />
      <SelectInput form={form} name="energyType" label="Energy type" options={TYPES} />
    </>
  );
}
