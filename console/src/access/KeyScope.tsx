/** What a key is held to: VPPs by their names, sites by their NMIs. */

import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import { DialogButton, useDialog } from "../components/FormDialog";
import { SiteNmi, VppName } from "./objectNames";
import type { ApiKey } from "./types";

// As many as there are lines for in a row of the table.
const IN_A_ROW = 2;

export function HeldTo({ aKey }: { aKey: ApiKey }) {
  const { role, vppIds, siteIds } = aKey;
  if (role === "ADMIN") return <span className="soft">Nothing</span>;
  const all = [...(vppIds ?? []), ...(siteIds ?? [])];
  if (all.length === 0) return <span className="soft">{vppIds ? "No VPP at all" : "All VPPs"}</span>;
  const shown = all.length > IN_A_ROW ? all.slice(0, IN_A_ROW - 1) : all;
  return (
    <ul>
      {shown.map((id) => (
        <li key={id}>
          <Held aKey={aKey} id={id} />
        </li>
      ))}
      {all.length > shown.length && (
        <li>
          <DialogButton
            opens="held-to"
            about={aKey.id}
            className="button quiet more"
            label={`and ${all.length - shown.length} more that ${aKey.name} is held to`}
          >
            and {all.length - shown.length} more
          </DialogButton>
        </li>
      )}
    </ul>
  );
}

/** Lists all of them, where they are more than a row has room for. */
export function HeldToDialog({ keys }: { keys: readonly ApiKey[] }) {
  const { name, about, close } = useDialog();
  const key = keys.find(({ id }) => id === about);
  return (
    <ModalOverlay
      className="overlay"
      isOpen={name === "held-to" && key !== undefined}
      onOpenChange={(isOpen) => isOpen || close()}
      isDismissable
    >
      <Modal>
        <Dialog className="dialog">
          {key && (
            <div className="stack">
              <Heading slot="title" level={2}>
                {key.name} is held to
              </Heading>
              <ul className="stack held-to">
                {[...(key.vppIds ?? []), ...(key.siteIds ?? [])].map((id) => (
                  <li key={id}>
                    <Held aKey={key} id={id} isLink />
                  </li>
                ))}
              </ul>
              <div className="row" style={{ justifyContent: "flex-end" }}>
                <Button className="button" onPress={close}>
                  Close
                </Button>
              </div>
            </div>
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

const Held = ({ aKey, id, isLink = false }: { aKey: ApiKey; id: string; isLink?: boolean }) =>
  aKey.siteIds ? <SiteNmi id={id} isLink={isLink} /> : <VppName id={id} isLink={isLink} />;
