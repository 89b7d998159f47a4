import { type Column, DataTable } from "../components/DataTable";
import { count, formatDay, money, quantity } from "../components/format";
import { Exact } from "./fraction";
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
      event.eventType === "CHARGE" ? "Charge, in" : isCostOnly(event) ? "Discharge, cost-only" : "Discharge, out",
    sort: ({ eventType }) => eventType,
    width: "minmax(11rem, 1.4fr)",
  },
  {
    id: "energyKwh",
    header: "kWh",
    cell: ({ energyKwh }) => quantity(energyKwh),
    sort: ({ energyKwh }) => energyKwh,
    numeric: true,
  },
  {
    id: "tariffCentsPerKwh",
    header: "c/kWh",
    cell: ({ tariffCentsPerKwh }) => quantity(tariffCentsPerKwh),
    sort: ({ tariffCentsPerKwh }) => tariffCentsPerKwh,
    numeric: true,
  },
  {
    id: "valueAud",
    header: "Value",
    cell: ({ valueAud }) => money(valueAud),
    sort: ({ valueAud }) => Number(valueAud),
    numeric: true,
  },
];

/** The events a site's revenue is the sum of. Values are exact: nothing is rounded before the whole of them. */
export function Events({ events }: { events: readonly SiteEvent[] }) {
  const sumOf = (some: readonly SiteEvent[]) => Exact.sum(some.map(({ valueAud }) => Exact.of(valueAud))).money;
  const costly = events.filter(isCostOnly);
  return (
    <div className="stack">
      <h3>Its events</h3>
      <p className="soft small">
        The revenue is the sum of their values, which are not rounded one by one
        {costly.length > 0 && `: without the ${sumOf(costly)} of those that are cost-only`}.
      </p>
      <DataTable
        label="Its events"
        columns={COLUMNS}
        rows={events}
        rowKey={({ id }) => id}
        totals={{
          settlementDate: `All ${count(events.length)}`,
          valueAud: sumOf(events.filter((event) => !isCostOnly(event))),
        }}
      />
    </div>
  );
}
