import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "react-router";

/** A section of a page with its own anchor, `#ID`. Following a link to the anchor moves the focus to the heading. */
export function AnchoredSection({
  id,
  title,
  actions,
  children,
}: {
  id: string;
  title: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const { hash, key } = useLocation();
  const heading = useRef<HTMLHeadingElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` changes each time the link is followed again.
  useEffect(() => {
    if (hash === `#${id}`) heading.current?.focus();
  }, [hash, key, id]);

  return (
    <section id={id} className="stack" aria-labelledby={`${id}-title`}>
      <div className="row apart">
        <h2 ref={heading} id={`${id}-title`} tabIndex={-1}>
          {title}
        </h2>
        {actions}
      </div>
      {children}
    </section>
  );
}
