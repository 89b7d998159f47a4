/** Dialogs that add, edit and remove batteries. */

import { useMutation } from "urql";

import { FormDialog, type FormState, useDialog } from "../components/FormDialog";
import { EffectiveFromField, NumberInput, TextInput } from "../components/fields";
import { formatDay, formatKwh, today } from "../components/format";
import { Notice } from "../components/Notice";
import { AddBatteryDocument, RemoveBatteryDocument, UpdateBatteryDocument } from "../schema";
import type { Battery } from "./types";

export function AddBattery({ siteId, onAdded }: { siteId: string; onAdded: (from: string | null) => void }) {
  const [, addBattery] = useMutation(AddBatteryDocument);
  return (
    <FormDialog
      name="add-battery"
      title="Add a battery"
      initial={{ manufacturer: "", serial: "", capacityKwh: Number.NaN, effectiveFrom: null as string | null }}
      submitLabel="Add battery"
      validate={validateCapacity}
      submit={(values, id) => addBattery({ input: { id, siteId, ...values } })}
      onDone={({ addBattery }) => onAdded(addBattery?.effectiveFrom ?? null)}
    >
      {(form) => (
        <>
          <BatteryInputs form={form} />
          <EffectiveFromField form={form} subject="The capacity" />
        </>
      )}
    </FormDialog>
  );
}

/** A new capacity takes effect on a day, other changes for all time: the day is sent only with a capacity. */
export function EditBattery({ batteries, on }: { batteries: Battery[]; on: string }) {
  const battery = useBattery(batteries);
  const [, updateBattery] = useMutation(UpdateBatteryDocument);
  if (!battery) return null;
  const { id, manufacturer, serial, capacityKwh } = battery;
  return (
    <FormDialog
      name="edit-battery"
      title={`Edit ${manufacturer} ${serial}`}
      initial={{ manufacturer, serial, capacityKwh, effectiveFrom: today() as string | null }}
      submitLabel="Save"
      validate={validateCapacity}
      submit={async ({ capacityKwh: newCapacityKwh, effectiveFrom, ...nameplate }) => {
        // The API refuses effectiveFrom with a manufacturer or a serial, so a second call changes the capacity.
        const changeCapacity = () =>
          updateBattery({
            input: { id, capacityKwh: newCapacityKwh, effectiveFrom, forAllTime: effectiveFrom === null },
          });
        const hasNewCapacity = newCapacityKwh !== capacityKwh;
        const hasNewNameplate = nameplate.manufacturer !== manufacturer || nameplate.serial !== serial;
        if (hasNewCapacity && !hasNewNameplate) return changeCapacity();
        const renamed = await updateBattery({ input: { id, ...nameplate } });
        return renamed.error || !hasNewCapacity ? renamed : changeCapacity();
      }}
    >
      {(form) => (
        <>
          <BatteryInputs
            form={form}
            hint={`${formatKwh(capacityKwh)} on ${formatDay(on)}; a new capacity takes effect on the day you choose`}
          />
          <EffectiveFromField form={form} subject="A new capacity" />
        </>
      )}
    </FormDialog>
  );
}

export function RemoveBattery({ batteries }: { batteries: Battery[] }) {
  const battery = useBattery(batteries);
  const [, removeBattery] = useMutation(RemoveBatteryDocument);
  if (!battery) return null;
  const { id, manufacturer, serial, capacityKwh } = battery;
  return (
    <FormDialog
      name="remove-battery"
      title={`Remove ${manufacturer} ${serial}?`}
      initial={{ effectiveFrom: today() as string | null }}
      submitLabel="Remove battery"
      tone="danger"
      submit={(values) => removeBattery({ input: { id, ...values, forAllTime: values.effectiveFrom === null } })}
    >
      {(form) => (
        <>
          <Notice tone="warn">
            {form.values.effectiveFrom === null
              ? `The battery is deleted, as if its ${formatKwh(capacityKwh)} had never been at this site. This cannot be undone.`
              : `From ${formatDay(form.values.effectiveFrom)} on, its ${formatKwh(capacityKwh)} are no longer at this site. The battery can be added again from that day or later.`}
          </Notice>
          <EffectiveFromField
            form={form}
            subject="The removal"
            alwaysLabel="for all time, as if it had never been installed"
          />
        </>
      )}
    </FormDialog>
  );
}

/** Returns the battery of the open dialog. */
function useBattery(batteries: Battery[]): Battery | undefined {
  const { about } = useDialog();
  return batteries.find(({ id }) => id === about);
}

interface BatteryValues {
  manufacturer: string;
  serial: string;
  capacityKwh: number;
}

const validateCapacity = ({ capacityKwh }: BatteryValues): { capacityKwh?: string } =>
  Number.isFinite(capacityKwh) ? {} : { capacityKwh: "Enter the capacity as a number." };

function BatteryInputs({ form, hint }: { form: FormState<BatteryValues>; hint?: string }) {
  return (
    <>
      <TextInput form={form} name="manufacturer" label="Manufacturer" isRequired autoFocus />
      <TextInput form={form} name="serial" label="Serial" isRequired />
      <NumberInput form={form} name="capacityKwh" label="Capacity" unit="kWh" hint={hint} isRequired />
    </>
  );
}
