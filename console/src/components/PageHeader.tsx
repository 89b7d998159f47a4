import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";

/** Gives the document a title, for as long as the page is there: signed out, nobody reads what it was of. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · vpp`;
    return () => {
      document.title = "vpp";
    };
  }, [title]);
}

/** A page's title, which is the document's too, the way back up, and what can be done with the page as a whole. */
export function PageHeader({
  title,
  parent,
  children,
  note,
}: {
  title: string;
  parent?: { to: string; label: string };
  children?: ReactNode;
  note?: ReactNode;
}) {
  useTitle(title);

  return (
    <header className="stack" style={{ "--gap": "0.35rem", marginBottom: "1.25rem" }}>
      {parent && (
        <nav aria-label="Way back" className="small">
          <Link to={parent.to}>← {parent.label}</Link>
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
