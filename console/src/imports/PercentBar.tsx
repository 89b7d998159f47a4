import { Label, ProgressBar } from "react-aria-components";

/** How far something has come, in percent; null where that is not known. */
export function PercentBar({ label, percent }: { label: string; percent: number | null }) {
  return (
    <ProgressBar
      className="bar"
      value={percent ?? 0}
      isIndeterminate={percent === null}
      valueLabel={percent === null ? "" : formatPercentDone(percent)}
    >
      {({ percentage = 0, valueText }) => (
        <>
          <div className="row apart small">
            <Label>{label}</Label>
            <span className="number">{valueText}</span>
          </div>
          <div className="track">
            <div className="fill" style={{ inlineSize: `${percentage}%` }} />
          </div>
        </>
      )}
    </ProgressBar>
  );
}

/** Writes a percentage, rounded down: 100 % is said of what is done. */
export const formatPercentDone = (percent: number) => `${Math.floor(percent * 10) / 10} %`;
