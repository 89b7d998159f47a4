/** The batteries installed at a site on a settlement date. */

import { useEffect, useRef } from "react";

import { DialogButton } from "../components/FormDialog";
import { DayField } from "../components/fields";
import { formatDay, formatKwh, formatPeriod } from "../components/format";
import { AddBattery, EditBattery, RemoveBattery } from "./BatteryDialogs";
import type { Site } from "./types";
import type { UrlInput } from "./urlInputs";

interface Props {
  site: Site;
  /** The day of the batteries shown. It lags behind `day` while the batteries of another day are loading. */
  on: string;
  day: UrlInput;
  mayChange: boolean;
}

export function Batteries({ site, on, day, mayChange }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const batteryCount = site.batteries.length;
  const previousCount = useRef(batteryCount);

  // Removing a battery removes its focused button: move the focus to the heading, for users of the keyboard.
  useEffect(() => {
    if (batteryCount < previousCount.current && document.activeElement === document.body) heading.current?.focus();
    previousCount.current = batteryCount;
  }, [batteryCount]);

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
        <DayField label="On the settlement date" value={day.text} onChange={(chosen) => day.setText(chosen ?? "")} />
      </div>
      {site.batteries.length === 0 ? (
        <p className="soft">
          No battery is installed at this site on {formatDay(on)}, so the site gets no capacity share.
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
                <div className="number">{formatKwh(battery.capacityKwh)}</div>
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
            <strong className="number">{formatKwh(site.capacityOnDayKwh)}</strong>{" "}
            <span className="soft">in total on {formatDay(on)}</span>
          </p>
        </>
      )}
      {mayChange && (
        <>
          {/* A battery that starts later is not installed on the day shown: go to its first day. */}
          <AddBattery siteId={site.id} onAdded={(from) => from !== null && from > on && day.setText(from)} />
          <EditBattery batteries={site.batteries} on={on} />
          <RemoveBattery batteries={site.batteries} />
        </>
      )}
    </section>
  );
}
