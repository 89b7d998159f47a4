/** Wind and solar parks, and their daily power. */

import "./parks.css";

import { Upload } from "lucide-react";
import { Link } from "react-router";

import { DialogButton } from "../components/FormDialog";
import { PageHeader } from "../components/PageHeader";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Forbidden, Loading } from "../components/states";
import { ListParksDocument } from "../schema";
import { useCaller, useHasRole } from "../session/session";
import { DailyPower } from "./DailyPower";
import { CreatePark, EditPark } from "./ParkDialogs";
import { ParkList } from "./ParkList";

export function ParksPage() {
  const mayRead = useHasRole("READER");
  const isRestricted = useCaller().vppIds !== null;
  return mayRead && !isRestricted ? <Parks /> : <Forbidden audience="callers with access to all VPPs" />;
}

function Parks() {
  const parks = usePaginatedList(ListParksDocument, { limit: 200 }, (data) => data.listParks, { loadAll: true });
  const mayChange = useHasRole("OPERATOR");
  return (
    <>
      <PageHeader title="Parks" note="Wind and solar parks, and their daily power">
        {mayChange && (
          <>
            <Link className="button" to="/imports">
              <Upload size={16} aria-hidden />
              Import readings
            </Link>
            <DialogButton opens="create-park" className="button primary">
              Create a park
            </DialogButton>
          </>
        )}
      </PageHeader>
      <div className="stack parks">
        {parks.error && <Failure error={parks.error} retry={parks.reload} />}
        {parks.isLoadingFirstPage ? (
          <Loading subject="the parks" />
        ) : parks.items.length === 0 ? (
          <Empty title="There is no park yet">
            {mayChange && <p>Create one, or import a file of parks; then import the readings of each.</p>}
          </Empty>
        ) : (
          <>
            <ParkList parks={parks.items} />
            {/* The URL names parks, so they can be resolved only once all parks are loaded. */}
            {parks.hasMore ? <Loading subject="the days" /> : <DailyPower parks={parks.items} />}
          </>
        )}
      </div>
      {mayChange && (
        <>
          <CreatePark onDone={parks.reload} />
          <EditPark parks={parks.items} done={parks.reload} />
        </>
      )}
    </>
  );
}
