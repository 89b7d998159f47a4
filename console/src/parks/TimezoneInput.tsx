import type { FormState } from "../components/FormDialog";
import { Picker } from "../components/Picker";

// Browsers also list names without an area, such as "Japan": each is an alias of a name with an area ("Asia/Tokyo").
const TIMEZONES = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((name) => name.includes("/"))].map((name) => ({
  id: name,
  name,
}));

/** A timezone by its IANA name. Names that only the server knows can be typed too. */
export function TimezoneInput<Values extends { timezone: string }>({ form }: { form: FormState<Values> }) {
  return (
    <Picker
      label="Timezone"
      hint="Readings are dated in this timezone. It cannot be changed once there are readings."
      placeholder="Europe/Amsterdam"
      empty="No timezone matches this name"
      problem={form.problem("timezone")}
      name="timezone"
      isRequired
      allowsCustomValue
      defaultItems={TIMEZONES}
      inputValue={form.values.timezone}
      onInputChange={(timezone) => form.set("timezone", timezone as Values["timezone"])}
    />
  );
}
