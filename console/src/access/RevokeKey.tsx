import { useMutation } from "urql";

import { FormDialog, useDialog } from "../components/FormDialog";
import { Notice } from "../components/Notice";
import { RevokeApiKeyDocument } from "../schema";
import { useCaller } from "../session/session";
import { roleLabel } from "./roles";
import type { ApiKey } from "./types";

export function RevokeKey({ keys, onDone }: { keys: readonly ApiKey[]; onDone: () => void }) {
  const [, revokeApiKey] = useMutation(RevokeApiKeyDocument);
  const { about } = useDialog();
  const { authType, name: ownName } = useCaller();
  const key = keys.find(({ id }) => id === about);
  return (
    <FormDialog
      name="revoke-key"
      title={key ? `Revoke ${key.name}` : "Revoke a key"}
      initial={{}}
      submitLabel="Revoke key"
      tone="danger"
      submit={() => revokeApiKey({ input: { id: about ?? "" } })}
      onDone={onDone}
    >
      {() => (
        <>
          {key && (
            <p>
              The key that starts with <code>{key.prefix}</code>, with the role {roleLabel(key.role)}.
            </p>
          )}
          <p>
            This takes effect immediately: calls with the key are rejected, and its open subscriptions are closed. It
            cannot be undone. Changes made with the key are kept.
          </p>
          {key && authType === "API_KEY" && key.name === ownName && (
            <Notice tone="warn">This key has the same name as the one you are signed in with.</Notice>
          )}
        </>
      )}
    </FormDialog>
  );
}
