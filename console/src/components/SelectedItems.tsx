import "./selected-items.css";

import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";

/** The items selected so far. Pressing one removes it. */
export function SelectedItems({
  label,
  items,
  onRemove,
}: {
  label: string;
  items: { id: string; name: ReactNode }[];
  onRemove: (id: string) => void;
}) {
  return (
    <ul className="row selected-items" aria-label={label}>
      {items.map(({ id, name }) => (
        <li key={id}>
          <Button className="button" onPress={() => onRemove(id)}>
            <span className="visually-hidden">Remove </span>
            <span className="name">{name}</span>
            <X size={14} aria-hidden />
          </Button>
        </li>
      ))}
    </ul>
  );
}
