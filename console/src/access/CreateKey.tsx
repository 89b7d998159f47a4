/** Creates an API key. The secret goes from the response to the dialog that shows it, and is stored nowhere. */

import { useState } from "react";
import { Label, Radio, RadioGroup } from "react-aria-components";
import { useClient } from "urql";

import { FormDialog, type FormState } from "../components/FormDialog";
import { DayField, TextInput } from "../components/fields";
import { addDays } from "../components/format";
import { CreateApiKeyDocument, type CreateApiKeyInput, type Role } from "../schema";
import { SitePicker, VppPicker } from "./pickers";
import { ROLES } from "./roles";
import { SecretDialog } from "./SecretDialog";
import type { CreatedApiKey } from "./types";

interface Values {
  name: string;
  role: Role;
  vppIds: string[];
  siteIds: string[];
  /** The last day on which the key is valid, in NEM time. */
  expiresAt: string | null;
}

const INITIAL: Values = { name: "", role: "READER", vppIds: [], siteIds: [], expiresAt: null };

export function CreateKey({ onDone }: { onDone: () => void }) {
  // The hook useMutation would keep the last response, and with it the secret, in memory.
  const client = useClient();
  const [created, setCreated] = useState<CreatedApiKey | null>(null);
  return (
    <>
      <FormDialog
        name="create-key"
        title="Create a key"
        initial={INITIAL}
        submitLabel="Create key"
        submit={async (values) => {
          const result = await client.mutation(CreateApiKeyDocument, { input: toInput(values) }).toPromise();
          // The key may have been created although the response was lost: reload the list, where it can be revoked.
          if (result.error?.networkError) onDone();
          return result;
        }}
        onDone={({ createApiKey }) => {
          setCreated(createApiKey);
          onDone();
        }}
      >
        {(form) => <Fields form={form} />}
      </FormDialog>
      <SecretDialog created={created} close={() => setCreated(null)} />
    </>
  );
}

function toInput({ name, role, vppIds, siteIds, expiresAt }: Values): CreateApiKeyInput {
  const isVppScoped = (role === "READER" || role === "OPERATOR") && vppIds.length > 0;
  return {
    name,
    role,
    vppIds: isVppScoped ? vppIds : null,
    siteIds: role === "MEMBER" ? siteIds : null,
    expiresAt: expiresAt && `${addDays(expiresAt, 1)}T00:00:00+10:00`,
  };
}

function Fields({ form }: { form: FormState<Values> }) {
  const { role, vppIds, siteIds, expiresAt } = form.values;
  return (
    <>
      <TextInput
        form={form}
        name="name"
        label="Name"
        hint="The person or program that uses the key; the audit trail shows this name"
        isRequired
        autoFocus
      />
      <RadioGroup
        className="field radios key-roles"
        value={role}
        onChange={(chosen) => form.set("role", chosen as Role)}
      >
        <Label>Role</Label>
        {ROLES.map(({ value, label, may }) => (
          <div key={value}>
            <Radio value={value} aria-describedby={`may-${value}`}>
              {label}
            </Radio>
            <p id={`may-${value}`} className="soft small">
              {may}
            </p>
          </div>
        ))}
      </RadioGroup>
      {role === "MEMBER" && (
        <SitePicker
          selectedIds={siteIds}
          onChange={(ids) => form.set("siteIds", ids)}
          problem={form.problem("siteIds")}
        />
      )}
      {(role === "READER" || role === "OPERATOR") && (
        <VppPicker selectedIds={vppIds} onChange={(ids) => form.set("vppIds", ids)} problem={form.problem("vppIds")} />
      )}
      <DayField
        label="Last valid day"
        hint="In NEM time (UTC+10). Leave it empty for a key that does not expire"
        value={expiresAt}
        onChange={(day) => form.set("expiresAt", day)}
        problem={form.problem("expiresAt")}
      />
    </>
  );
}
