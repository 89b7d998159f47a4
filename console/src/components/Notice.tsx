import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

const ICONS = { accent: Info, good: CircleCheck, warn: TriangleAlert, bad: CircleAlert };

/** A highlighted message. With `live`, screen readers announce the notice when it appears. */
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
