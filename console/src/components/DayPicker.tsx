import { parseDate } from "@internationalized/date";
import { CalendarDays, ChevronLeft, ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import {
  Button,
  Calendar,
  CalendarCell,
  CalendarGrid,
  DateInput,
  DatePicker,
  DateSegment,
  Dialog,
  FieldError,
  Group,
  Heading,
  Label,
  Popover,
  Text,
} from "react-aria-components";

export interface DayProps {
  label: string;
  hint?: ReactNode;
  value: string | null;
  onChange: (value: string | null) => void;
  problem?: string;
  isRequired?: boolean;
}

/** A field for a settlement date, YYYY-MM-DD, or null, with a calendar. */
export function DayPicker({ label, hint, value, onChange, problem = "", isRequired = false }: DayProps) {
  return (
    <DatePicker
      className="field"
      value={value ? parseDate(value) : null}
      onChange={(date) => onChange(date?.toString() ?? null)}
      isInvalid={problem !== ""}
      isRequired={isRequired}
    >
      <Label>{label}</Label>
      <Group className="control day">
        <DateInput className="segments">{(segment) => <DateSegment segment={segment} />}</DateInput>
        <Button className="button quiet icon" aria-label="Open the calendar">
          <CalendarDays size={16} aria-hidden />
        </Button>
      </Group>
      {hint && <Text slot="description">{hint}</Text>}
      <FieldError>{problem}</FieldError>
      <Popover className="popover calendar">
        <Dialog>
          <Calendar>
            <div className="row apart">
              <Button slot="previous" className="button quiet icon" aria-label="Previous month">
                <ChevronLeft size={16} aria-hidden />
              </Button>
              <Heading />
              <Button slot="next" className="button quiet icon" aria-label="Next month">
                <ChevronRight size={16} aria-hidden />
              </Button>
            </div>
            <CalendarGrid>{(date) => <CalendarCell date={date} />}</CalendarGrid>
          </Calendar>
        </Dialog>
      </Popover>
    </DatePicker>
  );
}
