import "./selected-items.css";

import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";

/** What was chosen of many, each with a button that takes it out again. */
export function Chosen({
  label,
  chosen,
  takeOut,
}: {
  label: string;
  chosen: { id: string; name: ReactNode }[];
  takeOut: (id: string) => void;
}) {
  return (
    <ul className="row chosen" aria-label={label}>
      {chosen.map(({ id, name }) => (
        <li key={id}>
          <Button className="button" onPress={() => takeOut(id)}>
            <span className="visually-hidden">Take out </span>
            <span className="name">{name}</span>
            <X size={14} aria-hidden />
          </Button>
        </li>
      ))}
    </ul>
  );
}
