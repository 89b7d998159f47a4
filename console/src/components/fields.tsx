/** The fields of forms: each reads and writes one value of a form, and shows what is wrong with it. */

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

/** A figure, NaN where there is none. `unit` stands behind it. */
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
      // As JSON, in which forms are kept, it is null where there is none.
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

/** One of a few, in a list that opens. */
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

/** The same outside a form. */
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

/** A settlement date. Its calendar is half as large as all else on a page: it is loaded when there is one. */
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

/** A month, YYYY-MM: its name, its year, and the ones before and after it. */
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
  const [year = "", of = ""] = value.split("-");
  const firstYear = Math.min(Number(latest.slice(0, 4)) - 9, Number(year));
  const years = Array.from({ length: Number(latest.slice(0, 4)) - firstYear + 1 }, (_, index) =>
    String(firstYear + index),
  ).reverse();
  return (
    <fieldset className="month field">
      <legend className="label">{label}</legend>
      <div className="row">
        <Button className="button icon" aria-label="Month before" onPress={() => onChange(addMonths(value, -1))}>
          <ChevronLeft size={16} aria-hidden />
        </Button>
        <CompactSelect label="Month" value={of} options={MONTHS} onChange={(chosen) => onChange(`${year}-${chosen}`)} />
        <CompactSelect
          label="Year"
          value={year}
          options={years.map((each) => ({ value: each, label: each }))}
          onChange={(chosen) => onChange(`${chosen}-${of}`)}
        />
        <Button
          className="button icon"
          aria-label="Month after"
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

/** A text that narrows a list down. */
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

/** From when a change holds: for all time where it is null. Says below what that means for months gone by. */
export function EffectiveFromField<Values extends { effectiveFrom: string | null }>({
  form,
  subject,
  alwaysLabel = "for all time, as if it had always been so",
}: {
  form: FormState<Values>;
  subject: string;
  /** What it means where no day is given. */
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
        <Label>Holds</Label>
        <Radio value="always">{alwaysLabel}</Radio>
        <Radio value="from">from a day on</Radio>
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

/** Says in plain words what a change does to months that are over, and to reports. */
export function describeEffect(subject: string, effectiveFrom: string | null): string {
  const reports =
    "Reports already generated stay as they are; those of months it changes are marked as stale, and settling again adds a revision.";
  if (effectiveFrom === null)
    return `${subject} holds for every month, past ones included, when it is settled from now on. ${reports}`;
  const month = formatMonth(effectiveFrom.slice(0, 7));
  const days = effectiveFrom.endsWith("-01")
    ? `${month} is the first month it counts in`
    : `${month} is settled in two parts, before and from that day`;
  const past = `Every day before ${formatDay(effectiveFrom)} stays as it was; ${days}.`;
  return effectiveFrom.slice(0, 7) <= thisMonth() ? `${past} ${reports}` : past;
}
