/** The API keys, newest first: name, role, scope and whether they are still valid. */

import { type Column, DataTable } from "../components/DataTable";
import { DialogButton } from "../components/FormDialog";
import { formatDateTime } from "../components/format";
import type { PaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { KeyScope, KeyScopeDialog } from "./KeyScope";
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
  { id: "scope", header: "Access limited to", width: "minmax(11rem, 1fr)", cell: (key) => <KeyScope apiKey={key} /> },
  {
    id: "state",
    header: "Status",
    width: "10.5rem",
    cell: (key) => <KeyStatus apiKey={key} />,
    sort: (key) => `${keyStatus(key)} ${key.expiresAt ?? "9"}`,
  },
  {
    id: "lastUsedAt",
    header: "Last used",
    width: "8.5rem",
    cell: ({ lastUsedAt }) => (lastUsedAt ? formatDateTime(lastUsedAt) : <span className="soft">Never</span>),
    sort: ({ lastUsedAt }) => lastUsedAt ?? "",
  },
  {
    id: "createdAt",
    header: "Created",
    width: "8.5rem",
    cell: ({ createdAt }) => formatDateTime(createdAt),
    sort: ({ createdAt }) => createdAt,
  },
  {
    id: "revoke",
    header: "Revoke",
    width: "6.5rem",
    cell: (key) =>
      keyStatus(key) === "active" && (
        <DialogButton opens="revoke-key" about={key.id} className="button quiet small" label={`Revoke ${key.name}`}>
          Revoke
        </DialogButton>
      ),
  },
];

export function KeyList({ keys }: { keys: PaginatedList<ApiKey> }) {
  return (
    <div className="stack keys">
      {keys.error && <Failure error={keys.error} retry={keys.reload} />}
      {keys.isLoadingFirstPage ? (
        <Loading subject="the API keys" />
      ) : keys.items.length === 0 ? (
        <Empty title="There is no API key yet">
          <p>Create one for each person and each program, so that each can be identified and revoked separately.</p>
        </Empty>
      ) : (
        <DataTable
          label="API keys"
          columns={COLUMNS}
          rows={keys.items}
          rowKey={({ id }) => id}
          onLoadMore={keys.hasMore ? keys.loadMore : undefined}
          isLoading={keys.isLoading}
        />
      )}
      <KeyScopeDialog keys={keys.items} />
    </div>
  );
}

function KeyStatus({ apiKey }: { apiKey: ApiKey }) {
  const state = keyStatus(apiKey);
  if (state === "revoked") {
    return (
      <>
        <span className="tag bad">Revoked</span> <span>{formatDateTime(apiKey.revokedAt ?? "")}</span>
      </>
    );
  }
  return (
    <>
      <span className={state === "active" ? "tag good" : "tag warn"}>{state === "active" ? "Active" : "Expired"}</span>{" "}
      {apiKey.expiresAt ? (
        <span>
          {state === "active" && "until "}
          {formatDateTime(apiKey.expiresAt)}
        </span>
      ) : (
        <span className="soft">never expires</span>
      )}
    </>
  );
}

function keyStatus({ revokedAt, expiresAt }: ApiKey): "active" | "expired" | "revoked" {
  if (revokedAt) return "revoked";
  return expiresAt && Date.parse(expiresAt) <= Date.now() ? "expired" : "active";
}
