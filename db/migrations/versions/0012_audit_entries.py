"""Audit entries, which cannot be changed or deleted"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PERIOD = "'effectiveFrom', lower({0}), 'effectiveUntil', upper({0})"
EFFECTIVE = PERIOD.format("effective")
INSTANT = """to_char({0} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""

# For each table the lock mode of its changes, and the arguments of jsonb_build_object for an audited object.
AUDITED = {
    "vpps": (
        "no key update",
        f"""
        'name', name,
        'priceSchedules', (
            select jsonb_agg(
                jsonb_build_object(
                    'revenuePercentage', trim_scale(revenue_percentage),
                    'dailyFeeAud', trim_scale(daily_fee_aud),
                    {EFFECTIVE}
                )
                order by effective
            )
            from price_schedules
            where vpp_id = vpps.id
        )
        """,  # noqa: S608 Only constants.
    ),
    "sites": (
        "no key update",
        f"""
        'nmi', nmi,
        'address', address,
        'memberships', (
            select jsonb_agg(jsonb_build_object('vppId', vpp_id, {EFFECTIVE}) order by effective)
            from memberships
            where site_id = sites.id
        )
        """,  # noqa: S608 Only constants.
    ),
    "batteries": (
        "update",
        f"""
        'siteId', site_id,
        'manufacturer', manufacturer,
        'serial', serial,
        {PERIOD.format("installed")},
        'capacities', (
            select jsonb_agg(
                jsonb_build_object('capacityKwh', trim_scale(capacity_kwh), {EFFECTIVE}) order by effective
            )
            from battery_capacities
            where battery_id = batteries.id
        )
        """,  # noqa: S608 Only constants.
    ),
    "imports": (
        "update",
        """
        'kind', kind,
        'status', status,
        'fileName', file_name,
        'chargeTariff', charge_tariff,
        'rowsRead', rows_read,
        'rowsImported', rows_imported,
        'rowsDuplicated', rows_duplicated,
        'rowsRejected', rows_rejected
        """,
    ),
    "revenue_reports": (
        "no key update",
        """
        'vppId', vpp_id,
        'month', to_char(month, 'YYYY-MM'),
        'revision', revision,
        'status', status
        """,
    ),
    "api_keys": (
        "no key update",
        f"""
        'name', name,
        'prefix', prefix,
        'role', role,
        'vppIds', vpp_ids,
        'siteIds', site_ids,
        'expiresAt', {INSTANT.format("expires_at")},
        'revokedAt', {INSTANT.format("revoked_at")}
        """,
    ),
}


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("auth_type", sa.String(), nullable=False),
        sa.Column("caller_name", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("object_type", sa.String(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=False),
        sa.Column("old", postgresql.JSONB(), nullable=True),
        sa.Column("new", postgresql.JSONB(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entries_pkey")),
    )
    op.create_index("audit_entries_at_id", "audit_entries", ["at", "id"])
    op.create_index("audit_entries_object_id_at_id", "audit_entries", ["object_id", "at", "id"])
    op.execute("""
        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise insufficient_privilege using message = 'What is kept in ' || tg_table_name || ' is kept as it is.';
        end
        $$
    """)
    op.execute("""
        create trigger audit_entries_refuse_change
        before update or delete or truncate on audit_entries
        for each statement execute function refuse_change()
    """)
    # ALWAYS, because a superuser could otherwise avoid the trigger with session_replication_role = replica.
    op.execute("alter table audit_entries enable always trigger audit_entries_refuse_change")
    op.execute("revoke update, delete, truncate on audit_entries from current_user")
    for table, (lock, arguments) in AUDITED.items():
        # Volatile, so that the second statement sees rows that other transactions committed while the first waited for
        # the lock.
        op.execute(f"""
            create function audited_{table}(uuid) returns jsonb language plpgsql volatile as $$
            begin
                perform from {table} where id = $1 for {lock};
                return (select jsonb_build_object({arguments}) from {table} where id = $1);
            end
            $$
        """)  # noqa: S608 Only constants.


def downgrade() -> None:
    for table in AUDITED:
        op.execute(f"drop function audited_{table}")
    op.drop_table("audit_entries")
    op.execute("drop function refuse_change")
