"""Times of events, decisions on duplicates, corrections and replacements of imports"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

READER_AND_OPERATOR = "vpp_held_reader, vpp_held_operator"
OF_IMPORT = "exists (select from imports where id = import_id)"

# The view of 0005, with the instant of an event, which is null where only its day is known.
EVENTS = """
    create view events with (security_invoker = true) as
    select
        blocks.import_id,
        event.line_number,
        blocks.site_id,
        blocks.month,
        blocks.month + (event.day - 1) as settlement_date,
        case when event.discharge then 'DISCHARGE' else 'CHARGE' end as event_type,
        event.energy * 0.000001 as energy_kwh,
        event.tariff * case when event.discharge then 0.000001 else -0.000001 end as tariff_cents_per_kwh,
        event.energy::numeric * event.tariff * 0.00000000000001 as value_aud {occurred_at}
    from event_blocks blocks
    join site_months using (import_id, site_id, month)
    cross join lateral unnest(
        blocks.days, blocks.discharges, blocks.energies_microkwh, blocks.tariffs_microcents_per_kwh,
        blocks.line_numbers, blocks.duplicates {times}
    ) as event (day, discharge, energy, tariff, line_number, duplicate {time})
    where site_months.repeats is null
      and event.duplicate is not true
"""
OCCURRED_AT = """,
        case when event.time_ms >= 0 then
            (blocks.month + (event.day - 1))::timestamp at time zone interval '10:00'
            + event.time_ms * interval '1 millisecond'
        end as occurred_at"""

# The function of the audit trail, as in 0014. The new properties are left out where they have their default, so that
# other imports look as they do in earlier entries.
AUDITED_IMPORTS = """
    create or replace function audited_imports(uuid) returns jsonb language plpgsql volatile as $$
    begin
        perform from imports where id = $1 for update;
        return (
            select jsonb_build_object(
                'kind', kind,
                'status', status,
                'fileName', file_name,
                'chargeTariff', charge_tariff,
                'rowsRead', rows_read,
                'rowsImported', rows_imported,
                'rowsDuplicated', rows_duplicated,
                'rowsRejected', rows_rejected
            )
            || case when park_id is null then jsonb_build_object() else jsonb_build_object('parkId', park_id) end
            {more}
            from imports
            where id = $1
        );
    end
    $$
"""
NEW_PROPERTIES = """
            || case when kind = 'BATTERY_EVENTS' then jsonb_build_object('duplicates', duplicates)
               else jsonb_build_object() end
            || jsonb_strip_nulls(jsonb_build_object(
                'rowsUndecided', nullif(rows_undecided, 0),
                'timestamps', nullif(timestamps, 'INTERVAL_START'),
                'correctsImportId', corrects,
                'replacesImportId', replaces
            ))
"""


def upgrade() -> None:
    op.add_column("event_blocks", sa.Column("times_ms", sa.ARRAY(sa.Integer()), nullable=True))
    op.execute("drop view events")
    op.execute(EVENTS.format(occurred_at=OCCURRED_AT, times=", blocks.times_ms", time=", time_ms"))
    op.execute(f"grant select on events to {READER_AND_OPERATOR}")

    # Imports so far skipped the rows that another import has already.
    for name, default in (("timestamps", "INTERVAL_START"), ("duplicates", "SKIP")):
        op.add_column("imports", sa.Column(name, sa.String(), server_default=default, nullable=False))
    op.add_column("imports", sa.Column("rows_undecided", sa.Integer(), server_default="0", nullable=False))
    for name in ("corrects", "root_id", "replaces"):
        op.add_column("imports", sa.Column(name, sa.Uuid(), nullable=True))
    for name in ("timestamps", "duplicates", "rows_undecided"):
        op.alter_column("imports", name, server_default=None)
    for name in ("corrects", "replaces"):
        op.create_foreign_key(op.f(f"imports_{name}_fkey"), "imports", "imports", [name], ["id"])
    op.create_check_constraint(
        "imports_timestamps_are_known", "imports", "timestamps in ('INTERVAL_START', 'INTERVAL_END')"
    )
    op.create_check_constraint("imports_duplicates_are_known", "imports", "duplicates in ('ASK', 'SKIP', 'COUNT')")
    op.execute(AUDITED_IMPORTS.format(more=NEW_PROPERTIES))

    op.create_table(
        "import_overlaps",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("other_import_id", sa.Uuid(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("value_aud", sa.Numeric(), nullable=False),
        sa.Column("ambiguous_row_count", sa.Integer(), nullable=False),
        sa.Column("ambiguous_value_aud", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_overlaps_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("site_id", "month", "import_id", "other_import_id", name=op.f("import_overlaps_pkey")),
    )
    op.create_index("import_overlaps_import_id", "import_overlaps", ["import_id"])
    op.create_table(
        "import_replacements",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("rows_same", sa.Integer(), nullable=False),
        sa.Column("rows_changed", sa.Integer(), nullable=False),
        sa.Column("rows_new", sa.Integer(), nullable=False),
        sa.Column("rows_gone", sa.Integer(), nullable=False),
        sa.Column("value_before_aud", sa.Numeric(), nullable=False),
        sa.Column("value_after_aud", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_replacements_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", name=op.f("import_replacements_pkey")),
    )
    for table in ("import_overlaps", "import_replacements"):
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_seen on {table} for select to {READER_AND_OPERATOR} using ({OF_IMPORT})")
        op.execute(f"grant select on {table} to {READER_AND_OPERATOR}")


def downgrade() -> None:
    op.drop_table("import_replacements")
    op.drop_table("import_overlaps")
    op.execute(AUDITED_IMPORTS.format(more=""))
    for column in ("timestamps", "duplicates", "corrects", "root_id", "replaces", "rows_undecided"):
        op.drop_column("imports", column)
    op.execute("drop view events")
    op.execute(EVENTS.format(occurred_at="", times="", time=""))
    op.execute(f"grant select on events to {READER_AND_OPERATOR}")
    op.drop_column("event_blocks", "times_ms")
