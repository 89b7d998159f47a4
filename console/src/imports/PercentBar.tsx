import { Label, ProgressBar } from "react-aria-components";

/** A progress bar in percent; indeterminate if null. */
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

/** Formats a percentage with one decimal, rounded down, so that 100 % means complete. */
export const formatPercentDone = (percent: number) => `${Math.floor(percent * 10) / 10} %`;
