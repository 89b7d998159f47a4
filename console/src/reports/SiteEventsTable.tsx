import { type Column, DataTable } from "../components/DataTable";
import { formatDay, formatInteger, formatMoney, formatQuantity } from "../components/format";
import { Fraction } from "./fraction";
import { isCostOnly, type SiteEvent } from "./settlementSteps";

const COLUMNS: Column<SiteEvent>[] = [
  {
    id: "settlementDate",
    header: "Day",
    cell: ({ settlementDate }) => formatDay(settlementDate),
    sort: ({ settlementDate }) => settlementDate,
  },
  {
    id: "eventType",
    header: "Event",
    cell: (event) =>
      event.eventType === "CHARGE" ? "Charge" : isCostOnly(event) ? "Discharge, cost-only" : "Discharge",
    sort: ({ eventType }) => eventType,
    width: "minmax(11rem, 1.4fr)",
  },
  {
    id: "energyKwh",
    header: "kWh",
    cell: ({ energyKwh }) => formatQuantity(energyKwh),
    sort: ({ energyKwh }) => energyKwh,
    numeric: true,
  },
  {
    id: "tariffCentsPerKwh",
    header: "c/kWh",
    cell: ({ tariffCentsPerKwh }) => formatQuantity(tariffCentsPerKwh),
    sort: ({ tariffCentsPerKwh }) => tariffCentsPerKwh,
    numeric: true,
  },
  {
    id: "valueAud",
    header: "Value",
    cell: ({ valueAud }) => formatMoney(valueAud),
    sort: ({ valueAud }) => Number(valueAud),
    numeric: true,
  },
];

/** The events behind a site's revenue. Values are exact: only their sum is rounded. */
export function SiteEventsTable({ events }: { events: readonly SiteEvent[] }) {
  const sumOf = (eventsToSum: readonly SiteEvent[]) =>
    Fraction.sum(eventsToSum.map(({ valueAud }) => Fraction.parse(valueAud))).money;
  const costOnlyEvents = events.filter(isCostOnly);
  return (
    <div className="stack">
      <h3>Events</h3>
      <p className="soft small">
        The revenue is the sum of the values, rounded only at the end
        {costOnlyEvents.length > 0 && `, without the ${sumOf(costOnlyEvents)} of cost-only events`}.
      </p>
      <DataTable
        label="Events"
        columns={COLUMNS}
        rows={events}
        rowKey={({ id }) => id}
        totals={{
          settlementDate: `All ${formatInteger(events.length)}`,
          valueAud: sumOf(events.filter((event) => !isCostOnly(event))),
        }}
      />
    </div>
  );
}
