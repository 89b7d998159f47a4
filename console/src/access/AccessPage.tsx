/** API keys and the audit trail. */

import "./access.css";

import { Link, useSearchParams } from "react-router";

import { DialogButton } from "../components/FormDialog";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Forbidden } from "../components/states";
import { ListApiKeysDocument } from "../schema";
import { useHasRole } from "../session/session";
import { AuditTrail } from "./AuditTrail";
import { CreateKey } from "./CreateKey";
import { KeyList } from "./KeyList";
import { RevokeKey } from "./RevokeKey";

export function AccessPage() {
  return useHasRole("ADMIN") ? <Access /> : <Forbidden audience="administrators" />;
}

function Access() {
  const [params] = useSearchParams();
  const showsAuditTrail = params.get("show") === "audit";
  const keys = usePaginatedList(ListApiKeysDocument, {}, (data) => data.listApiKeys);
  return (
    <>
      <PageHeader title="Access" note="API keys, and the audit trail of all changes">
        <DialogButton opens="create-key" className="button primary">
          Create a key
        </DialogButton>
      </PageHeader>
      <div className="stack access">
        <nav className="tabs" aria-label="Access">
          <Link to="/access" aria-current={showsAuditTrail ? undefined : "page"}>
            API keys
          </Link>
          <Link to="/access?show=audit" aria-current={showsAuditTrail ? "page" : undefined}>
            Audit trail
          </Link>
        </nav>
        {showsAuditTrail ? <AuditTrail /> : <KeyList keys={keys} />}
      </div>
      <CreateKey onDone={keys.reload} />
      <RevokeKey keys={keys.items} onDone={keys.reload} />
    </>
  );
}
