import { ToggleButton, ToggleButtonGroup } from "react-aria-components";

/** A group of toggle buttons, one of which is selected; none if the value is not among the options. */
export function SegmentedControl<Value extends string | number>({
  label,
  options,
  value,
  onChange,
}: {
  label: string;
  options: { value: Value; label: string }[];
  value: Value | null;
  onChange: (value: Value) => void;
}) {
  const chosen = options.find((option) => option.value === value);
  return (
    <div className="field">
      <span className="label">{label}</span>
      <ToggleButtonGroup
        className="segmented"
        aria-label={label}
        selectionMode="single"
        disallowEmptySelection={chosen !== undefined}
        selectedKeys={chosen ? [chosen.label] : []}
        onSelectionChange={(keys) => {
          const next = options.find((option) => keys.has(option.label));
          if (next) onChange(next.value);
        }}
      >
        {options.map((option) => (
          <ToggleButton key={option.label} id={option.label} className="button">
            {option.label}
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
    </div>
  );
}
