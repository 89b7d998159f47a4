import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import { CopyText } from "../components/CopyText";
import { Notice } from "../components/Notice";
import { roleLabel } from "./roles";
import type { CreatedApiKey } from "./types";

/** Shows a new key's secret once. Only its button closes the dialog, so that the secret is not lost by accident. */
export function SecretDialog({ created, close }: { created: CreatedApiKey | null; close: () => void }) {
  return (
    <ModalOverlay className="overlay" isOpen={created !== null} isDismissable={false} isKeyboardDismissDisabled>
      <Modal>
        <Dialog className="dialog">
          {created && (
            <div className="stack">
              <Heading slot="title" level={2}>
                Copy the key {created.apiKey.name}
              </Heading>
              <Notice tone="warn">
                The key is shown only this once. The server stores only its hash, so it cannot be shown again.
              </Notice>
              <div className="key-secret">
                <CopyText label="Key" text={created.secret} />
              </div>
              <p className="soft small">
                Its role is {roleLabel(created.apiKey.role)}. Send it as the header x-api-key, or sign in to the console
                with it.
              </p>
              <div className="row" style={{ justifyContent: "flex-end" }}>
                <Button className="button primary" onPress={close}>
                  I have copied it
                </Button>
              </div>
            </div>
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
