import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

const ICONS = { accent: Info, good: CircleCheck, warn: TriangleAlert, bad: CircleAlert };

/** A sentence that has to be seen. Told to screen readers when it comes up on a page that is there (`live`). */
export function Notice({
  tone = "accent",
  live = false,
  children,
}: {
  tone?: keyof typeof ICONS;
  live?: boolean;
  children: ReactNode;
}) {
  const Icon = ICONS[tone];
  return (
    <div className={`notice ${tone}`} role={live ? "status" : undefined}>
      <Icon size={18} aria-hidden className={tone} />
      <div>{children}</div>
    </div>
  );
}
