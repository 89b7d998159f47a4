"""Refuse changes of READY reports, name the files of a report in its row, and keep the id of a deleted site"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

FILE_COLUMNS = ("json_key", "json_sha256", "csv_key", "csv_sha256")
REPORTS, LINE_ITEMS = "revenue_reports", "site_line_items"


def upgrade() -> None:
    for column in FILE_COLUMNS:
        op.add_column(REPORTS, sa.Column(column, sa.String(), nullable=True))
    op.drop_constraint("site_line_items_site_id_fkey", LINE_ITEMS)
    op.execute(f"""
        create trigger revenue_reports_refuse_change before update or delete on {REPORTS}
        for each row when (old.status = 'READY') execute function refuse_change()
    """)
    # A settlement stores a report and its line items in one transaction, so the report may be READY since this one.
    op.execute("""
        create function refuse_change_of_ready_report() returns trigger language plpgsql as $$
        begin
            if exists (
                select from revenue_reports
                where id in (old.report_id, new.report_id)
                  and status = 'READY'
                  and (tg_op <> 'INSERT' or xmin <> pg_current_xact_id()::xid)
            ) then
                raise insufficient_privilege
                    using message = 'The line items of a READY report cannot be added, changed or deleted.';
            end if;
            return coalesce(new, old);
        end
        $$
    """)
    op.execute(f"""
        create trigger site_line_items_refuse_insert before insert on {LINE_ITEMS}
        for each row execute function refuse_change_of_ready_report()
    """)
    op.execute(f"""
        create trigger site_line_items_refuse_change before update or delete on {LINE_ITEMS}
        for each row execute function refuse_change_of_ready_report()
    """)
    for table in (REPORTS, LINE_ITEMS):
        op.execute(f"""
            create trigger {table}_refuse_truncate before truncate on {table}
            for each statement execute function refuse_change()
        """)
        # ALWAYS, because a superuser could otherwise avoid the triggers with session_replication_role = replica. The
        # trigger of inserts is none of them: a replica copies one table after the other.
        for action in ("change", "truncate"):
            op.execute(f"alter table {table} enable always trigger {table}_refuse_{action}")


def downgrade() -> None:
    for table in (REPORTS, LINE_ITEMS):
        op.execute(f"drop trigger {table}_refuse_truncate on {table}")
        op.execute(f"drop trigger {table}_refuse_change on {table}")
    op.execute(f"drop trigger site_line_items_refuse_insert on {LINE_ITEMS}")
    op.execute("drop function refuse_change_of_ready_report")
    op.execute("update site_line_items set site_id = null where site_id not in (select id from sites)")
    op.create_foreign_key("site_line_items_site_id_fkey", LINE_ITEMS, "sites", ["site_id"], ["id"], ondelete="SET NULL")
    for column in FILE_COLUMNS:
        op.drop_column(REPORTS, column)
