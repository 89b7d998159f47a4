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
  /** What the list says where nothing is in it. */
  empty: string;
  problem?: string;
}

/** A field for one of many, found by a part of its name: what is found so far opens below as a list. */
export function Picker<Item extends Pickable>({
  label,
  hint,
  placeholder = "",
  empty,
  problem = "",
  ...props
}: Props<Item>) {
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are pressed in the field that is in it.
    <div
      role="presentation"
      // Escape closes the list, and not the dialog behind it, too.
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
