"""Notify subscribers when an import or a report changes"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Postgres sends a notice when its transaction commits. It carries the table and the id; subscribers read the row.
    op.execute("""
        create function notice_change() returns trigger language plpgsql as $$
        begin
            perform pg_notify('notices', tg_table_name || ' ' || new.id);
            return null;
        end
        $$
    """)
    for table in ("imports", "revenue_reports"):
        op.execute(f"""
            create trigger {table}_notice_change
            after insert or update on {table}
            for each row execute function notice_change()
        """)


def downgrade() -> None:
    for table in ("revenue_reports", "imports"):
        op.execute(f"drop trigger {table}_notice_change on {table}")
    op.execute("drop function notice_change")
