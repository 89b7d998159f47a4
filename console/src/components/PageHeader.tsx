import { type ReactNode, useEffect } from "react";
import { Link } from "react-router";

/** Sets the document's title while mounted. After signing out, the title no longer names the page's object. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · vpp`;
    return () => {
      document.title = "vpp";
    };
  }, [title]);
}

/** The page's title (the document's too), a link to the parent page, and the page's actions as children. */
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
        <nav aria-label="Breadcrumb" className="small">
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
