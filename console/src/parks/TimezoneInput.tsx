import { ChevronDown } from "lucide-react";
import {
  Button,
  ComboBox,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Text,
} from "react-aria-components";
import type { FormOf } from "../parts/FormDialog";
import { ListEscape } from "../parts/ListEscape";

// What browsers list without an area, they list by other names too.
const TIMEZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((name) => name.includes("/"))].map((id) => ({
  id,
}));

/** A timezone by its name: one of those the browser knows, or another the server does. */
export function TimezoneInput<Values extends { timezone: string }>({ form }: { form: FormOf<Values> }) {
  const problem = form.problem("timezone");
  const set = (timezone: string) => form.set("timezone", timezone as Values["timezone"]);
  return (
    <ListEscape>
      <ComboBox
        className="field"
        name="timezone"
        isRequired
        isInvalid={problem !== ""}
        allowsCustomValue
        defaultItems={TIMEZONES}
        inputValue={form.values.timezone}
        onInputChange={set}
      >
        <Label>Timezone</Label>
        <Group className="control typed">
          <Input placeholder="Europe/Amsterdam" spellCheck={false} />
          <Button className="button quiet icon">
            <ChevronDown size={16} aria-hidden />
          </Button>
        </Group>
        <Text slot="description">
          Its readings are dated by the clocks of this timezone; it stays once there are any.
        </Text>
        <FieldError>{problem}</FieldError>
        <Popover className="popover">
          <ListBox<(typeof TIMEZONES)[number]>>{({ id }) => <ListBoxItem>{id}</ListBoxItem>}</ListBox>
        </Popover>
      </ComboBox>
    </ListEscape>
  );
}
