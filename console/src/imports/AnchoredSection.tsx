import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "react-router";

/** A part of a page with an address of its own, `#ID`: whoever comes by it begins to read there. */
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

  // Where it was gone to again, too: the key is another each time.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above.
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
