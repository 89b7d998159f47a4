import { useMutation } from "urql";

import { FormDialog, type FormOf, useDialog } from "../components/FormDialog";
import { Choice, TextInput } from "../components/fields";
import { CreateParkDocument, type EnergyType, UpdateParkDocument } from "../schema";
import { ENERGY_TYPES, type Park } from "./dayStats";
import { useChoice } from "./selection";
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

export function CreatePark({ done }: { done: () => void }) {
  const [, createPark] = useMutation(CreateParkDocument);
  const initial: Values = { name: "", timezone: "", energyType: "WIND" };
  return (
    <FormDialog
      name="create-park"
      title="Create a park"
      initial={initial}
      submitLabel="Create park"
      submit={(values, id) => createPark({ input: { id, ...values } })}
      done={done}
    >
      {(form) => <Fields form={form} />}
    </FormDialog>
  );
}

export function EditPark({ parks, done }: { parks: readonly Park[]; done: () => void }) {
  const [, updatePark] = useMutation(UpdateParkDocument);
  const { about } = useDialog();
  const { chooseParks } = useChoice();
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
      done={({ updatePark: changed }) => {
        // Parks stand in the address by their names.
        const renamed = (each: string) => (changed && each === name ? changed.name : each);
        chooseParks((present) => present.map(renamed), { replace: true });
        done();
      }}
    >
      {(form) => <Fields form={form} />}
    </FormDialog>
  );
}

function Fields({ form }: { form: FormOf<Values> }) {
  return (
    <>
      <TextInput form={form} name="name" label="Name" isRequired autoFocus />
      <TimezoneInput form={form} />
      <Choice form={form} name="energyType" label="Energy type" options={TYPES} />
    </>
  );
}
