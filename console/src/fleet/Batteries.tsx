/** The batteries of a site on a settlement date. */

import { useEffect, useRef } from "react";

import { DialogButton } from "../components/FormDialog";
import { DayOf } from "../components/fields";
import { formatDay, formatPeriod, kwh } from "../components/format";
import { AddBattery, EditBattery, RemoveBattery } from "./BatteryDialogs";
import type { Site } from "./types";
import type { Asked } from "./urlInputs";

interface Props {
  site: Site;
  /** The day its batteries are those of, which the one they are asked for is once they are read. */
  on: string;
  day: Asked;
  mayChange: boolean;
}

export function Batteries({ site, on, day, mayChange }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const present = site.batteries.length;
  const before = useRef(present);

  // The focus goes with a battery whose button had it: whoever removed it goes on from here.
  useEffect(() => {
    if (present < before.current && document.activeElement === document.body) heading.current?.focus();
    before.current = present;
  }, [present]);

  return (
    <section className="card stack" aria-labelledby="batteries">
      <div className="row apart">
        <h2 id="batteries" ref={heading} tabIndex={-1}>
          Batteries
        </h2>
        {mayChange && (
          <DialogButton opens="add-battery" about={site.id}>
            Add a battery
          </DialogButton>
        )}
      </div>
      <div className="row">
        <DayOf label="On the settlement date" value={day.entered} onChange={(chosen) => day.enter(chosen ?? "")} />
      </div>
      {site.batteries.length === 0 ? (
        <p className="soft">
          There is no battery at this site on {formatDay(on)}: it takes no part in what sites share by capacity.
        </p>
      ) : (
        <>
          <ul className="batteries" aria-label={`Batteries on ${formatDay(on)}`}>
            {site.batteries.map((battery) => (
              <li key={battery.id}>
                <div>
                  {battery.manufacturer} <span className="mono">{battery.serial}</span>
                  <div className="soft small">{formatPeriod(battery.effectiveFrom, battery.effectiveUntil)}</div>
                </div>
                <div className="number">{kwh(battery.capacityKwh)}</div>
                {mayChange && (
                  <div className="row">
                    <DialogButton
                      opens="edit-battery"
                      about={battery.id}
                      label={`Edit ${battery.manufacturer} ${battery.serial}`}
                    >
                      Edit
                    </DialogButton>
                    <DialogButton
                      opens="remove-battery"
                      about={battery.id}
                      className="button danger"
                      label={`Remove ${battery.manufacturer} ${battery.serial}`}
                    >
                      Remove
                    </DialogButton>
                  </div>
                )}
              </li>
            ))}
          </ul>
          <p>
            <strong className="number">{kwh(site.capacityOnDayKwh)}</strong>{" "}
            <span className="soft">in all on {formatDay(on)}</span>
          </p>
        </>
      )}
      {mayChange && (
        <>
          {/* One that comes later is seen on its first day, not before. */}
          <AddBattery siteId={site.id} added={(from) => from !== null && from > on && day.enter(from)} />
          <EditBattery batteries={site.batteries} on={on} />
          <RemoveBattery batteries={site.batteries} />
        </>
      )}
    </section>
  );
}
