import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";

/** A page's title, which is the document's too, the way back up, and what can be done with the page as a whole. */
export function PageHeader({
  title,
  up,
  children,
  note,
}: {
  title: string;
  up?: { to: string; label: string };
  children?: ReactNode;
  note?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · vpp`;
  }, [title]);

  return (
    <header className="stack" style={{ "--gap": "0.35rem", marginBottom: "1.25rem" }}>
      {up && (
        <nav aria-label="Way back" className="small">
          <Link to={up.to}>← {up.label}</Link>
        </nav>
      )}
      <div className="row apart">
        <h1>{title}</h1>
        {children && <div className="row">{children}</div>}
      </div>
      {note && <div className="soft">{note}</div>}
    </header>
  );
}
