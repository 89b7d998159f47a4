/** A month of a site's events: energy, tariff and value. */

import { Download } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { Button } from "react-aria-components";
import { Link } from "react-router";

import { type Column, DataTable } from "../components/DataTable";
import { downloadCsv } from "../components/downloads";
import { apiErrorOf } from "../components/errors";
import { MonthField } from "../components/fields";
import { addMonths, formatCount, formatDay, formatMoney, formatMonth } from "../components/format";
import { usePaginatedList } from "../components/paginatedList";
import { Empty, Failure, Loading } from "../components/states";
import { ListEventsDocument, type ListEventsQuery } from "../schema";
import { useHasRole } from "../session/session";
import { formatDecimal, sumDecimals } from "./decimals";
import { useMonthParam } from "./urlInputs";

type Event = NonNullable<ListEventsQuery["getSite"]>["events"]["items"][number];

const PAGE_SIZE = 200;
const EVENT_TYPE_LABELS = { CHARGE: "Charge", DISCHARGE: "Discharge" };

const COLUMNS: Column<Event>[] = [
  {
    id: "settlementDate",
    header: "Date",
    cell: (event) => formatDay(event.settlementDate),
    sort: (event) => event.settlementDate,
    width: "8rem",
  },
  {
    id: "eventType",
    header: "Type",
    cell: (event) => EVENT_TYPE_LABELS[event.eventType],
    sort: (event) => event.eventType,
    width: "7rem",
  },
  {
    id: "charged",
    header: "Charged, kWh",
    cell: (event) => event.eventType === "CHARGE" && formatDecimal(String(event.energyKwh)),
    sort: (event) => (event.eventType === "CHARGE" ? event.energyKwh : -1),
    numeric: true,
  },
  {
    id: "discharged",
    header: "Discharged, kWh",
    cell: (event) => event.eventType === "DISCHARGE" && formatDecimal(String(event.energyKwh)),
    sort: (event) => (event.eventType === "DISCHARGE" ? event.energyKwh : -1),
    numeric: true,
  },
  {
    id: "tariffCentsPerKwh",
    header: "Tariff, c/kWh",
    cell: (event) => formatDecimal(String(event.tariffCentsPerKwh)),
    sort: (event) => event.tariffCentsPerKwh,
    numeric: true,
  },
  {
    id: "valueAud",
    header: "Value, AUD",
    cell: (event) => formatMoney(event.valueAud),
    sort: (event) => Number(event.valueAud),
    numeric: true,
  },
];

const IMPORT: Column<Event> = {
  id: "import",
  header: "Import",
  cell: (event) =>
    event.import && (
      <Link to={`/imports/${event.import.id}`}>
        Line {event.lineNumber}, {event.import.fileName}
      </Link>
    ),
  width: "minmax(10rem, 1.4fr)",
};

export function SiteEvents({ siteId, nmi }: { siteId: string; nmi: string }) {
  const mayRead = useHasRole("READER");
  const { text, setText, value: month } = useMonthParam("month");
  const [withImports, setWithImports] = useState(mayRead);
  const events = usePaginatedList(
    ListEventsDocument,
    { siteId, from: `${month}-01`, until: `${addMonths(month, 1)}-01`, limit: PAGE_SIZE, withImports },
    (data) => data.getSite?.events,
    { loadAll: true },
  );

  // Callers restricted to some VPPs may not see imports that also contain other VPPs' events: retry without imports.
  const isDenied = withImports && events.error !== undefined && apiErrorOf(events.error).errorType === "Unauthorized";
  useEffect(() => {
    if (isDenied) setWithImports(false);
  }, [isDenied]);

  const columns = useMemo(() => (withImports ? [...COLUMNS, IMPORT] : COLUMNS), [withImports]);
  const isComplete = !events.isLoading && !events.error;
  return (
    <section className="card stack" aria-labelledby="events">
      <div className="row apart">
        <div>
          <h2 id="events">Events</h2>
          <p className="soft small">
            Settlement dates in NEM time (UTC+10). Values are in AUD, not rounded to the cent.
          </p>
        </div>
        <Button
          className="button"
          isDisabled={!isComplete || events.items.length === 0}
          onPress={() => exportEvents(events.items, { nmi, month })}
        >
          <Download size={16} aria-hidden />
          Export as CSV
        </Button>
      </div>
      <div className="row apart event-month">
        <MonthField label="Month" value={text} onChange={setText} />
        {events.items.length > 0 && (
          <span className={isComplete ? "soft" : "warn"}>{eventCountLabel(events.items.length, isComplete)}</span>
        )}
      </div>
      {events.error && !isDenied && <Failure error={events.error} retry={events.reload} />}
      {events.isLoadingFirstPage || isDenied ? (
        <Loading subject="the events" />
      ) : events.items.length > 0 ? (
        <Events events={events.items} columns={columns} isComplete={isComplete} month={month} />
      ) : (
        !events.error && (
          <Empty title={`No events in ${formatMonth(month)}`}>
            <p>
              Events are imported from files.{" "}
              {mayRead ? (
                <Link to="/imports">Import a file</Link>
              ) : (
                "They appear here once a file with this month is imported."
              )}
            </p>
          </Empty>
        )
      )}
    </section>
  );
}

function eventCountLabel(events: number, isComplete: boolean): string {
  const figure = formatCount(events, "event");
  return isComplete ? figure : `${figure} so far; the sums below cover only these`;
}

function Events({
  events,
  columns,
  isComplete,
  month,
}: {
  events: readonly Event[];
  columns: Column<Event>[];
  isComplete: boolean;
  month: string;
}) {
  const totals = useMemo(() => {
    const energy = (type: Event["eventType"]) =>
      formatDecimal(
        sumDecimals(events.filter(({ eventType }) => eventType === type).map(({ energyKwh }) => String(energyKwh))),
      );
    return {
      settlementDate: isComplete ? "Total" : "So far",
      charged: energy("CHARGE"),
      discharged: energy("DISCHARGE"),
      valueAud: formatMoney(sumDecimals(events.map(({ valueAud }) => valueAud))),
    };
  }, [events, isComplete]);
  return (
    <DataTable
      label={`Events of ${formatMonth(month)}`}
      columns={columns}
      rows={events}
      rowKey={({ id }) => id}
      totals={totals}
    />
  );
}

/** Exports the events as CSV, with the API's figures unrounded. */
function exportEvents(events: readonly Event[], { nmi, month }: { nmi: string; month: string }): void {
  const columns = ["nmi", "settlementDate", "eventType", "energyKwh", "tariffCentsPerKwh", "valueAud"];
  const rows = events.map((event) => [
    nmi,
    event.settlementDate,
    event.eventType,
    String(event.energyKwh),
    String(event.tariffCentsPerKwh),
    event.valueAud,
  ]);
  downloadCsv(`events-${nmi}-${month}.csv`, columns, rows);
}
