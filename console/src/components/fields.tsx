/** Form fields. The ...Input components are bound to one value of a FormState; the ...Field components stand alone. */

import "./fields.css";

import { ChevronDown, ChevronLeft, ChevronRight, Search, X } from "lucide-react";
import { lazy, type ReactNode, Suspense } from "react";
import {
  NumberField as AriaNumberField,
  SearchField as AriaSearchField,
  TextField as AriaTextField,
  Button,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Radio,
  RadioGroup,
  Select,
  SelectValue,
  Text,
} from "react-aria-components";

import type { DayProps } from "./DayPicker";
import type { FormState } from "./FormDialog";
import { addMonths, formatDay, formatMonth, thisMonth, today } from "./format";

interface InputProps<Values, Value> {
  form: FormState<Values>;
  name: { [Name in keyof Values]: Values[Name] extends Value ? Name : never }[keyof Values] & string;
  label: string;
  hint?: ReactNode;
  isRequired?: boolean;
}

export function TextInput<Values>({
  form,
  name,
  label,
  hint,
  isRequired = false,
  placeholder,
  autoFocus = false,
}: InputProps<Values, string> & { placeholder?: string; autoFocus?: boolean }) {
  const problem = form.problem(name);
  return (
    <AriaTextField
      className="field"
      name={name}
      isRequired={isRequired}
      isInvalid={problem !== ""}
      value={form.values[name] as string}
      onChange={(value) => form.set(name, value as Values[typeof name])}
      autoFocus={autoFocus}
    >
      <Label>{label}</Label>
      <Input {...(placeholder ? { placeholder } : {})} />
      {hint && <Text slot="description">{hint}</Text>}
      <FieldError>{problem}</FieldError>
    </AriaTextField>
  );
}

/** A number, NaN if empty. `unit` follows the label. */
export function NumberInput<Values>({
  form,
  name,
  label,
  hint,
  isRequired = false,
  unit,
  min,
  max,
  step,
}: InputProps<Values, number> & { unit?: string; min?: number; max?: number; step?: number }) {
  const problem = form.problem(name);
  return (
    <AriaNumberField
      className="field"
      name={name}
      isRequired={isRequired}
      isInvalid={problem !== ""}
      // Drafts are stored as JSON, which turns NaN into null.
      value={(form.values[name] as number | null) ?? Number.NaN}
      onChange={(value) => form.set(name, value as Values[typeof name])}
      formatOptions={{ maximumFractionDigits: 6 }}
      {...(min === undefined ? {} : { minValue: min })}
      {...(max === undefined ? {} : { maxValue: max })}
      {...(step === undefined ? {} : { step })}
    >
      <Label>
        {label}
        {unit && <span className="soft"> ({unit})</span>}
      </Label>
      <Input />
      {hint && <Text slot="description">{hint}</Text>}
      <FieldError>{problem}</FieldError>
    </AriaNumberField>
  );
}

/** A select box bound to a form. */
export function SelectInput<Values, Value extends string>({
  form,
  name,
  label,
  hint,
  options,
}: InputProps<Values, Value> & { options: { value: Value; label: string }[] }) {
  return (
    <SelectField
      label={label}
      hint={hint}
      options={options}
      value={form.values[name] as Value}
      onChange={(value) => form.set(name, value as unknown as Values[typeof name])}
    />
  );
}

/** A select box outside a form. */
export function SelectField<Value extends string>({
  label,
  hint,
  options,
  value,
  onChange,
}: {
  label: string;
  hint?: ReactNode;
  options: { value: Value; label: string }[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  return (
    <Select className="field" value={value} onChange={(key) => onChange(key as Value)}>
      <Label>{label}</Label>
      <Button className="control select">
        <SelectValue />
        <ChevronDown size={16} aria-hidden />
      </Button>
      {hint && <Text slot="description">{hint}</Text>}
      <Popover className="popover">
        <ListBox items={options}>{(option) => <ListBoxItem id={option.value}>{option.label}</ListBoxItem>}</ListBox>
      </Popover>
    </Select>
  );
}

/** A settlement date. The calendar's code is half the size of everything else on a page, so it is loaded on demand. */
export function DayField(props: DayProps) {
  return (
    <Suspense fallback={<DayFieldPlaceholder {...props} />}>
      <DayPicker {...props} />
    </Suspense>
  );
}

const DayPicker = lazy(async () => ({ default: (await import("./DayPicker")).DayPicker }));

function DayFieldPlaceholder({ label, hint }: DayProps) {
  return (
    <div className="field">
      <span className="label">{label}</span>
      <div className="control" />
      {hint && <span className="hint">{hint}</span>}
    </div>
  );
}

/** A month, YYYY-MM: a select box for the month and one for the year, with buttons for the previous and next month. */
export function MonthField({
  label,
  value,
  onChange,
  latest = thisMonth(),
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  latest?: string;
}) {
  const [year = "", monthOfYear = ""] = value.split("-");
  const firstYear = Math.min(Number(latest.slice(0, 4)) - 9, Number(year));
  const years = Array.from({ length: Number(latest.slice(0, 4)) - firstYear + 1 }, (_, index) =>
    String(firstYear + index),
  ).reverse();
  return (
    <fieldset className="month field">
      <legend className="label">{label}</legend>
      <div className="row">
        <Button className="button icon" aria-label="Previous month" onPress={() => onChange(addMonths(value, -1))}>
          <ChevronLeft size={16} aria-hidden />
        </Button>
        <CompactSelect
          label="Month"
          value={monthOfYear}
          options={MONTHS}
          onChange={(chosen) => onChange(`${year}-${chosen}`)}
        />
        <CompactSelect
          label="Year"
          value={year}
          options={years.map((value) => ({ value, label: value }))}
          onChange={(chosen) => onChange(`${chosen}-${monthOfYear}`)}
        />
        <Button
          className="button icon"
          aria-label="Next month"
          isDisabled={value >= latest}
          onPress={() => onChange(addMonths(value, 1))}
        >
          <ChevronRight size={16} aria-hidden />
        </Button>
      </div>
    </fieldset>
  );
}

const MONTHS = Array.from({ length: 12 }, (_, index) => {
  const value = String(index + 1).padStart(2, "0");
  return { value, label: formatMonth(`2000-${value}`).split(" ")[0] ?? value };
});

function CompactSelect({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string;
  options: { value: string; label: string }[];
  onChange: (value: string) => void;
}) {
  return (
    <Select aria-label={label} value={value} onChange={(key) => onChange(String(key))}>
      <Button className="control select">
        <SelectValue />
        <ChevronDown size={16} aria-hidden />
      </Button>
      <Popover className="popover">
        <ListBox items={options}>{(option) => <ListBoxItem id={option.value}>{option.label}</ListBoxItem>}</ListBox>
      </Popover>
    </Select>
  );
}

/** A text that filters a list. */
export function SearchField({
  label,
  value,
  onChange,
  placeholder,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
}) {
  return (
    <AriaSearchField className="field search" value={value} onChange={onChange}>
      <Label className="visually-hidden">{label}</Label>
      <Group className="control">
        <Search size={16} aria-hidden className="soft" />
        <Input placeholder={placeholder ?? label} />
        {value !== "" && (
          <Button className="button quiet icon" aria-label="Clear">
            <X size={14} aria-hidden />
          </Button>
        )}
      </Group>
    </AriaSearchField>
  );
}

/** The day from which a change takes effect; null means for all time. Explains the effect on past months below. */
export function EffectiveFromField<Values extends { effectiveFrom: string | null }>({
  form,
  subject,
  alwaysLabel = "for all time, including past months",
}: {
  form: FormState<Values>;
  subject: string;
  /** The label of the option without a day. */
  alwaysLabel?: string;
}) {
  const { effectiveFrom } = form.values;
  const problem = form.problem("effectiveFrom");
  const set = (value: string | null) => form.set("effectiveFrom", value as Values["effectiveFrom"]);
  return (
    <div className="stack" style={{ "--gap": "0.5rem" }}>
      <RadioGroup
        className="field radios"
        value={effectiveFrom === null ? "always" : "from"}
        onChange={(chosen) => set(chosen === "always" ? null : today())}
        isInvalid={effectiveFrom === null && problem !== ""}
      >
        <Label>Takes effect</Label>
        <Radio value="always">{alwaysLabel}</Radio>
        <Radio value="from">from a date</Radio>
        <FieldError>{problem}</FieldError>
      </RadioGroup>
      {effectiveFrom !== null && (
        <DayField
          label="First day"
          value={effectiveFrom}
          onChange={(day) => set(day ?? today())}
          problem={problem}
          hint="A settlement date, in NEM time (UTC+10)"
        />
      )}
      <p className="notice accent">{describeEffect(subject, effectiveFrom)}</p>
    </div>
  );
}

/** Explains what a change does to past months and to reports. */
export function describeEffect(subject: string, effectiveFrom: string | null): string {
  const reports =
    "Existing reports do not change. Reports of affected months are marked as stale; settle those months again to add a revision.";
  if (effectiveFrom === null)
    return `${subject} applies to all time, past months included, in every settlement from now on. ${reports}`;
  const month = formatMonth(effectiveFrom.slice(0, 7));
  const days = effectiveFrom.endsWith("-01")
    ? `${month} is the first month affected`
    : `${month} is settled in two spans, before and from that day`;
  const past = `Days before ${formatDay(effectiveFrom)} do not change; ${days}.`;
  return effectiveFrom.slice(0, 7) <= thisMonth() ? `${past} ${reports}` : past;
}
