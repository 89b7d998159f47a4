import "./fields.css";

import { ChevronDown } from "lucide-react";
import {
  Button,
  ComboBox,
  type ComboBoxProps,
  FieldError,
  Group,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Text,
} from "react-aria-components";

interface Pickable {
  id: string;
  name: string;
}

interface Props<Item extends Pickable> extends Omit<ComboBoxProps<Item, "single">, "className" | "children"> {
  label: string;
  hint?: string;
  placeholder?: string;
  /** The text of an empty list. */
  empty: string;
  problem?: string;
}

/** A combo box: the user types part of a name and picks from the list of matches. */
export function Picker<Item extends Pickable>({
  label,
  hint,
  placeholder = "",
  empty,
  problem = "",
  ...props
}: Props<Item>) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: handles keys that bubble up from the input inside.
    <div
      role="presentation"
      // Escape closes only the open list: without this, React Aria closes the surrounding dialog too.
      onKeyDown={(event) => {
        const isOpen = event.currentTarget.querySelector("[aria-expanded='true']") !== null;
        if (event.key === "Escape" && isOpen) event.stopPropagation();
      }}
    >
      <ComboBox className="field" isInvalid={problem !== ""} {...props}>
        <Label>{label}</Label>
        <Group className="control picker">
          <Input placeholder={placeholder} spellCheck={false} />
          <Button className="button quiet icon">
            <ChevronDown size={16} aria-hidden />
          </Button>
        </Group>
        {hint && <Text slot="description">{hint}</Text>}
        <FieldError>{problem}</FieldError>
        <Popover className="popover">
          <ListBox<Item> renderEmptyState={() => <p className="soft none">{empty}</p>}>
            {({ name }) => <ListBoxItem>{name}</ListBoxItem>}
          </ListBox>
        </Popover>
      </ComboBox>
    </div>
  );
}
