/** The API keys, newest first: whose they are, what they may do, and whether they still work. */

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { formatMoment } from "../components/format";
import type { Pages } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { HeldTo, HeldToDialog } from "./KeyScope";
import { roleLabel } from "./roles";
import type { ApiKey } from "./types";

const COLUMNS: Column<ApiKey>[] = [
  {
    id: "name",
    header: "Name and prefix",
    width: "minmax(12rem, 1.5fr)",
    cell: ({ name, prefix }) => (
      <>
        <strong title={name}>{name}</strong>
        <code className="soft">{prefix}…</code>
      </>
    ),
    sort: ({ name }) => name,
  },
  {
    id: "role",
    header: "Role",
    width: "7.75rem",
    cell: ({ role }) => roleLabel(role),
    sort: ({ role }) => roleLabel(role),
  },
  { id: "heldTo", header: "Held to", width: "minmax(11rem, 1fr)", cell: (key) => <HeldTo aKey={key} /> },
  {
    id: "state",
    header: "Works",
    width: "10.5rem",
    cell: (key) => <State aKey={key} />,
    sort: (key) => `${stateOf(key)} ${key.expiresAt ?? "9"}`,
  },
  {
    id: "lastUsedAt",
    header: "Last used",
    width: "8.5rem",
    cell: ({ lastUsedAt }) => (lastUsedAt ? formatMoment(lastUsedAt) : <span className="soft">Never</span>),
    sort: ({ lastUsedAt }) => lastUsedAt ?? "",
  },
  {
    id: "createdAt",
    header: "Created",
    width: "8.5rem",
    cell: ({ createdAt }) => formatMoment(createdAt),
    sort: ({ createdAt }) => createdAt,
  },
  {
    id: "revoke",
    header: "Revoke",
    width: "6.5rem",
    cell: (key) =>
      stateOf(key) === "works" && (
        <DialogButton opens="revoke-key" about={key.id} className="button quiet small" label={`Revoke ${key.name}`}>
          Revoke
        </DialogButton>
      ),
  },
];

export function KeyList({ keys }: { keys: Pages<ApiKey> }) {
  return (
    <div className="stack keys">
      {keys.error && <Failure error={keys.error} retry={keys.reload} />}
      {keys.isFirst ? (
        <Loading what="the API keys" />
      ) : keys.items.length === 0 ? (
        <Empty title="There is no API key yet">
          <p>Create one for each person and each program: then each can be told apart, and revoked alone.</p>
        </Empty>
      ) : (
        <DataTable
          label="API keys"
          columns={COLUMNS}
          rows={keys.items}
          rowKey={({ id }) => id}
          more={keys.hasMore ? keys.more : undefined}
          isLoading={keys.isLoading}
        />
      )}
      <HeldToDialog keys={keys.items} />
    </div>
  );
}

function State({ aKey }: { aKey: ApiKey }) {
  const state = stateOf(aKey);
  if (state === "revoked") {
    return (
      <>
        <span className="tag bad">Revoked</span> <span>{formatMoment(aKey.revokedAt ?? "")}</span>
      </>
    );
  }
  return (
    <>
      <span className={state === "works" ? "tag good" : "tag warn"}>{state === "works" ? "Works" : "Expired"}</span>{" "}
      {aKey.expiresAt ? (
        <span>
          {state === "works" && "until "}
          {formatMoment(aKey.expiresAt)}
        </span>
      ) : (
        <span className="soft">without end</span>
      )}
    </>
  );
}

function stateOf({ revokedAt, expiresAt }: ApiKey): "works" | "expired" | "revoked" {
  if (revokedAt) return "revoked";
  return expiresAt && Date.parse(expiresAt) <= Date.now() ? "expired" : "works";
}
