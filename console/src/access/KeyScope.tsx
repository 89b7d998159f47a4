/** The scope of a key: the names of its VPPs, or the NMIs of its sites. */

import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";

import { DialogButton, useDialog } from "../components/FormDialog";
import { SiteNmi, VppName } from "./objectNames";
import type { ApiKey } from "./types";

// A table row has room for two lines.
const MAX_IN_ROW = 2;

export function KeyScope({ apiKey }: { apiKey: ApiKey }) {
  const { role, vppIds, siteIds } = apiKey;
  if (role === "ADMIN") return <span className="soft">No limit</span>;
  const ids = [...(vppIds ?? []), ...(siteIds ?? [])];
  if (ids.length === 0) return <span className="soft">{vppIds ? "No VPPs" : "All VPPs"}</span>;
  const shownIds = ids.length > MAX_IN_ROW ? ids.slice(0, MAX_IN_ROW - 1) : ids;
  return (
    <ul>
      {shownIds.map((id) => (
        <li key={id}>
          <ScopeItem apiKey={apiKey} id={id} />
        </li>
      ))}
      {ids.length > shownIds.length && (
        <li>
          <DialogButton
            opens="key-scope"
            about={apiKey.id}
            className="button quiet more"
            label={`and ${ids.length - shownIds.length} more for ${apiKey.name}`}
          >
            and {ids.length - shownIds.length} more
          </DialogButton>
        </li>
      )}
    </ul>
  );
}

/** Lists the whole scope of a key, for scopes that do not fit into a table row. */
export function KeyScopeDialog({ keys }: { keys: readonly ApiKey[] }) {
  const { name, about, close } = useDialog();
  const key = keys.find(({ id }) => id === about);
  return (
    <ModalOverlay
      className="overlay"
      isOpen={name === "key-scope" && key !== undefined}
      onOpenChange={(isOpen) => isOpen || close()}
      isDismissable
    >
      <Modal>
        <Dialog className="dialog">
          {key && (
            <div className="stack">
              <Heading slot="title" level={2}>
                Access of {key.name} is limited to
              </Heading>
              <ul className="stack key-scope">
                {[...(key.vppIds ?? []), ...(key.siteIds ?? [])].map((id) => (
                  <li key={id}>
                    <ScopeItem apiKey={key} id={id} isLink />
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

const ScopeItem = ({ apiKey, id, isLink = false }: { apiKey: ApiKey; id: string; isLink?: boolean }) =>
  apiKey.siteIds ? <SiteNmi id={id} isLink={isLink} /> : <VppName id={id} isLink={isLink} />;
