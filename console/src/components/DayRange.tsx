/** Two fields for a range of days, both ends inclusive; either end may be empty. */

import { useState } from "react";

import { DayField } from "./fields";

interface Range {
  first: string | null;
  last: string | null;
}

export function DayRange({ first, last, onChange, hint }: Range & { onChange: (range: Range) => void; hint?: string }) {
  // While the user types, a day can have any value, so onChange is called only once both days are valid and in order.
  const [typed, setTyped] = useState<Range | null>(null);
  const shown = typed ?? { first, last };
  const isBefore = shown.first !== null && shown.last !== null && shown.last < shown.first;

  function handleInput(next: Range) {
    setTyped(next);
    const days = [next.first, next.last].filter((day) => day !== null);
    if (days.every(isDay) && days.join() === days.toSorted().join()) onChange(next);
  }

  return (
    <fieldset
      className="day-range"
      onBlur={({ currentTarget, relatedTarget }) => currentTarget.contains(relatedTarget) || setTyped(null)}
    >
      <legend className="visually-hidden">Days</legend>
      <DayField
        label="First day"
        value={shown.first}
        onChange={(day) => handleInput({ ...shown, first: day })}
        hint={hint}
      />
      <DayField
        label="Last day"
        value={shown.last}
        onChange={(day) => handleInput({ ...shown, last: day })}
        problem={isBefore ? "The last day is before the first day." : ""}
      />
    </fieldset>
  );
}

/** Whether a text is a day, YYYY-MM-DD, in the years 1900 to 2199: all readings and changes are within them. */
export function isDay(text: string | null): text is string {
  const read = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(read.getTime()) && read.toISOString().slice(0, 10) === text && text >= "1900" && text < "2200";
}
