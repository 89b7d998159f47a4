import { type Column, DataTable } from "../components/DataTable";
import { formatDay, formatInteger, formatMoney, formatQuantity } from "../components/format";
import type { ListSiteEventsQuery } from "../schema";
import { Fraction } from "./fraction";

export type SiteEvent = NonNullable<ListSiteEventsQuery["getSite"]>["events"]["items"][number];

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

/** Whether an event is cost-only: a discharge of negative value, which the VPP bears and the revenue leaves out. */
const isCostOnly = ({ eventType, valueAud }: SiteEvent) => eventType === "DISCHARGE" && valueAud.startsWith("-");

const sumValues = (events: readonly SiteEvent[]) =>
  Fraction.sum(events.map(({ valueAud }) => Fraction.parse(valueAud)));

/** The revenue that events give. */
export const sumRevenue = (events: readonly SiteEvent[]) => sumValues(events.filter((event) => !isCostOnly(event)));

/** The events of a site as they are now. Values are exact: only their sum is rounded. */
export function SiteEventsTable({ events, areSettled }: { events: readonly SiteEvent[]; areSettled: boolean }) {
  const costOnlyEvents = events.filter(isCostOnly);
  return (
    <div className="stack">
      <h3>{areSettled ? "Events" : "Events as they are now"}</h3>
      <p className="soft small">
        {areSettled
          ? "The revenue is the sum of the values, rounded only at the end"
          : "This revision was settled from other events. The sum below is that of the present ones"}
        {costOnlyEvents.length > 0 && `, without the ${sumValues(costOnlyEvents).money} of cost-only events`}.
      </p>
      <DataTable
        label="Events"
        columns={COLUMNS}
        rows={events}
        rowKey={({ id }) => id}
        totals={{
          settlementDate: `All ${formatInteger(events.length)}`,
          valueAud: sumRevenue(events).money,
        }}
      />
    </div>
  );
}
