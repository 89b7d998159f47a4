/** Dialogs that create, rename, reprice and delete VPPs. */

import { useNavigate } from "react-router";
import { useMutation } from "urql";

import { FormDialog, type FormState } from "../components/FormDialog";
import { EffectiveFromField, NumberInput, TextInput } from "../components/fields";
import { today } from "../components/format";
import { Notice } from "../components/Notice";
import { CreateVppDocument, DeleteVppDocument, type GetVppQuery, UpdateVppDocument } from "../schema";
import { ReplacedPeriods } from "./ReplacedPeriods";

type Vpp = NonNullable<GetVppQuery["getVpp"]>;

export function CreateVpp() {
  const navigate = useNavigate();
  const [, createVpp] = useMutation(CreateVppDocument);
  return (
    <FormDialog
      name="create-vpp"
      title="Create a VPP"
      initial={{ name: "", revenuePercentage: 20, dailyFeeAud: 0 }}
      submitLabel="Create VPP"
      validate={validateTerms}
      submit={(values, id) => createVpp({ input: { id, ...values } })}
      onDone={({ createVpp }) => createVpp && navigate(`/vpps/${createVpp.id}`)}
    >
      {(form) => (
        <>
          <TextInput form={form} name="name" label="Name" isRequired autoFocus />
          <TermsInputs form={form} />
          <p className="notice accent">These terms apply to every month, including past ones, until you change them.</p>
        </>
      )}
    </FormDialog>
  );
}

export function RenameVpp({ vpp }: { vpp: Vpp }) {
  const [, updateVpp] = useMutation(UpdateVppDocument);
  return (
    <FormDialog
      name="rename-vpp"
      title={`Rename ${vpp.name}`}
      initial={{ name: vpp.name }}
      submitLabel="Rename"
      submit={({ name }) => updateVpp({ input: { id: vpp.id, name } })}
    >
      {(form) => (
        <>
          <TextInput form={form} name="name" label="Name" isRequired autoFocus />
          <p className="notice accent">
            The name changes everywhere immediately, except in existing reports: they keep the name they were settled
            with.
          </p>
        </>
      )}
    </FormDialog>
  );
}

export function ChangeTerms({ vpp }: { vpp: Vpp }) {
  const [, updateVpp] = useMutation(UpdateVppDocument);
  return (
    <FormDialog
      name="change-terms"
      title={`Change the terms of ${vpp.name}`}
      initial={{
        revenuePercentage: vpp.revenuePercentage,
        dailyFeeAud: vpp.dailyFeeAud,
        effectiveFrom: today() as string | null,
      }}
      submitLabel="Change terms"
      validate={validateTerms}
      submit={(values) => updateVpp({ input: { id: vpp.id, ...values, forAllTime: values.effectiveFrom === null } })}
    >
      {(form) => (
        <>
          <TermsInputs form={form} />
          <EffectiveFromField form={form} subject="This change" />
          <ReplacedPeriods periods={vpp.priceSchedules} effectiveFrom={form.values.effectiveFrom} noun="terms" />
        </>
      )}
    </FormDialog>
  );
}

export function DeleteVpp({ vpp }: { vpp: Vpp }) {
  const navigate = useNavigate();
  const [, deleteVpp] = useMutation(DeleteVppDocument);
  return (
    <FormDialog
      name="delete-vpp"
      title={`Delete ${vpp.name}?`}
      initial={{}}
      submitLabel="Delete VPP"
      tone="danger"
      submit={() => deleteVpp({ input: { id: vpp.id } })}
      onDone={() => navigate("/")}
    >
      {() => (
        <Notice tone="warn">
          The VPP and its terms are deleted permanently. Only a VPP that never had a site or a report can be deleted.
        </Notice>
      )}
    </FormDialog>
  );
}

interface Terms {
  revenuePercentage: number;
  dailyFeeAud: number;
}

const validateTerms = ({ revenuePercentage, dailyFeeAud }: Terms) => ({
  ...(Number.isFinite(revenuePercentage) ? {} : { revenuePercentage: "Enter the share as a number from 0 to 100." }),
  ...(Number.isFinite(dailyFeeAud) ? {} : { dailyFeeAud: "Enter the fee as a number; 0 for none." }),
});

function TermsInputs({ form }: { form: FormState<Terms> }) {
  return (
    <>
      <NumberInput form={form} name="revenuePercentage" label="Share of revenue the VPP takes" unit="%" isRequired />
      <NumberInput
        form={form}
        name="dailyFeeAud"
        label="Daily fee per site"
        unit="AUD"
        hint="Charged for 28 days of every month"
        isRequired
      />
    </>
  );
}
