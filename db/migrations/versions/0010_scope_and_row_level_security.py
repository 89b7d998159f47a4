"""Restrict scoped callers to their VPPs or sites by row-level security, and imports to the VPPs of their creator"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

READER, OPERATOR = "vpp_held_reader", "vpp_held_operator"
BOTH = f"{READER}, {OPERATOR}"
FILE_IS_IN_USE = "kind = 'BATTERY_EVENTS' and status in ('QUEUED', 'RUNNING', 'COMPLETED')"

# As a subselect the setting is read once per statement, not once per row. Without a setting no row matches.
ITS_VPP = "= any ((select string_to_array(current_setting('vpp.vpp_ids', true), ','))::uuid[])"
ITS_SITE = "= any ((select string_to_array(current_setting('vpp.site_ids', true), ','))::uuid[])"
IN_THE_MONTH = "effective && daterange(month, (month + interval '1 month')::date)"

# For each table the condition of the rows that both roles may select. Policies also apply to tables in the condition.
SEEN = {
    "memberships": f"vpp_id {ITS_VPP} or site_id {ITS_SITE}",
    "vpps": f"id {ITS_VPP}"  # noqa: S608 Only constants.
    " or exists (select from memberships where vpp_id = vpps.id)"
    " or exists (select from revenue_reports where vpp_id = vpps.id)",
    "price_schedules": "exists (select from vpps where id = price_schedules.vpp_id)",
    "sites": f"id {ITS_SITE} or exists (select from memberships where site_id = sites.id)",
    "batteries": "exists (select from sites where id = batteries.site_id)",
    "battery_capacities": "exists (select from batteries where id = battery_capacities.battery_id)",
    "site_months": f"exists (select from memberships where site_id = site_months.site_id and {IN_THE_MONTH})",
    "event_blocks": f"exists (select from memberships where site_id = event_blocks.site_id and {IN_THE_MONTH})",
    "revenue_reports": f"vpp_id {ITS_VPP} or (status = 'READY' and id in (select held_report_ids()))",
    "site_line_items": f"site_id {ITS_SITE} or exists (select from revenue_reports where id = report_id)",
    "imports": "vpp_ids <@ (select string_to_array(current_setting('vpp.vpp_ids', true), ','))::uuid[]",
    "import_rejections": "exists (select from imports where id = import_id)",
}
# The other commands of the operator role. Rows that it inserts or updates must match the select condition.
CHANGED = {
    "vpps": ("update", "delete"),
    "price_schedules": ("insert", "delete"),
    "sites": ("update", "delete"),
    "memberships": ("insert", "delete"),
    "batteries": ("insert", "update", "delete"),
    "battery_capacities": ("insert", "delete"),
    "imports": ("insert", "update"),
}


def upgrade() -> None:
    op.add_column("imports", sa.Column("vpp_ids", sa.ARRAY(sa.Uuid()), nullable=True))
    op.drop_index("imports_file_once", "imports")
    op.create_index(
        "imports_file_once",
        "imports",
        ["etag", "bytes_total", "vpp_ids"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text(f"{FILE_IS_IN_USE} and etag is not null"),
    )
    for role in (READER, OPERATOR):
        _make_role(role)
    op.execute(f"grant usage on schema {_schema()} to {BOTH}")
    # `security definer`, because the policies of reports and line items would otherwise refer to each other in an
    # infinite recursion.
    op.execute(f"""
        create function held_report_ids() returns setof uuid
        language sql stable security definer set search_path from current
        begin atomic
            select report_id from site_line_items where site_id {ITS_SITE};
        end
    """)  # noqa: S608 Only constants.
    op.execute("alter view events set (security_invoker = true)")
    op.execute(f"grant select on events to {BOTH}")
    for table, seen in SEEN.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_seen on {table} for select to {BOTH} using ({seen})")
        op.execute(f"grant select on {table} to {BOTH}")
    for table, changes in CHANGED.items():
        for change in changes:
            using = "" if change == "insert" else f"using ({SEEN[table]})"
            check = "" if change == "delete" else f"with check ({SEEN[table]})"
            op.execute(f"create policy {table}_{change} on {table} for {change} to {OPERATOR} {using} {check}")
            op.execute(f"grant {change} on {table} to {OPERATOR}")


def downgrade() -> None:
    for table, changes in CHANGED.items():
        for change in changes:
            op.execute(f"drop policy {table}_{change} on {table}")
    for table in SEEN:
        op.execute(f"drop policy {table}_seen on {table}")
        op.execute(f"alter table {table} disable row level security")
    # The roles stay: they belong to the whole cluster, and another database may use them.
    for table in (*SEEN, "events"):
        op.execute(f"revoke all on {table} from {BOTH}")
    op.execute(f"revoke usage on schema {_schema()} from {BOTH}")
    op.execute("alter view events reset (security_invoker)")
    op.execute("drop function held_report_ids")
    op.drop_index("imports_file_once", "imports")
    op.drop_column("imports", "vpp_ids")
    op.create_index(
        "imports_file_once", "imports", ["etag", "bytes_total"], unique=True, postgresql_where=sa.text(FILE_IS_IN_USE)
    )


def _make_role(role: str) -> None:
    # The owner may `set role` to it for a transaction, but does not inherit its privileges.
    op.execute(f"""
        do $$
        begin
            if not exists (select from pg_roles where rolname = '{role}') then
                begin
                    create role {role} nologin noinherit;
                exception when duplicate_object or unique_violation then
                    null; -- A concurrent migration of another database created it.
                end;
            end if;
            if current_setting('server_version_num')::integer < 160000 then
                grant {role} to current_user;
            elsif not pg_has_role('{role}', 'set') then
                execute 'grant {role} to current_user with inherit false, set true';
            end if;
        end
        $$
    """)


def _schema() -> str:
    return str(op.get_bind().scalar(sa.text("select quote_ident(current_schema())")))
