import { Label, Radio, RadioGroup } from "react-aria-components";

import type { ChargeTariff } from "../schema";

/** The meaning of tariffs in CHARGE rows. Data sources differ, and the file does not state which meaning it uses. */
export function ChargeTariffField({
  value,
  onChange,
}: {
  value: ChargeTariff;
  onChange: (value: ChargeTariff) => void;
}) {
  return (
    <RadioGroup
      className="field radios"
      value={value}
      onChange={(chosen) => onChange(chosen as ChargeTariff)}
      aria-describedby="charge-tariff-means"
    >
      <Label>Charge tariffs mean</Label>
      <Radio value="COST">the cost of charging</Radio>
      <Radio value="EARNING">the earnings from charging</Radio>
      <p id="charge-tariff-means" className="hint">
        {value === "COST"
          ? "A tariff of 8 on a CHARGE row means that each kWh cost 8 cents, which lowers the revenue; −8 means that it earned 8 cents."
          : "A tariff of 8 on a CHARGE row means that each kWh earned 8 cents, which adds to the revenue; −8 means that it cost 8 cents."}{" "}
        Tariffs of DISCHARGE rows are always earnings.
      </p>
    </RadioGroup>
  );
}
