/** Who may call the API, and what callers changed. */

import "./access.css";

import { Link, useSearchParams } from "react-router";

import { DialogButton } from "../components/FormDialog";
import { PageHeader } from "../components/PageHeader";
import { usePages } from "../components/paginatedList";
import { Forbidden } from "../components/states";
import { ListApiKeysDocument } from "../schema";
import { useMay } from "../session/session";
import { AuditTrail } from "./AuditTrail";
import { CreateKey } from "./CreateKey";
import { KeyList } from "./KeyList";
import { RevokeKey } from "./RevokeKey";

export function AccessPage() {
  return useMay("ADMIN") ? <Access /> : <Forbidden needs="administrators" />;
}

function Access() {
  const [params] = useSearchParams();
  const isTrail = params.get("show") === "audit";
  const keys = usePages(ListApiKeysDocument, {}, (data) => data.listApiKeys);
  return (
    <>
      <PageHeader title="Access" note="Who may call the API, and what they changed">
        <DialogButton opens="create-key" className="button primary">
          Create a key
        </DialogButton>
      </PageHeader>
      <div className="stack access">
        <nav className="tabs" aria-label="Access">
          <Link to="/access" aria-current={isTrail ? undefined : "page"}>
            API keys
          </Link>
          <Link to="/access?show=audit" aria-current={isTrail ? "page" : undefined}>
            Audit trail
          </Link>
        </nav>
        {isTrail ? <AuditTrail /> : <KeyList keys={keys} />}
      </div>
      <CreateKey done={keys.reload} />
      <RevokeKey keys={keys.items} done={keys.reload} />
    </>
  );
}
