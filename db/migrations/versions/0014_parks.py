"""Parks, their readings and their daily totals"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

READER_AND_OPERATOR = "vpp_held_reader, vpp_held_operator"
# Scoped callers may select from these tables, and see no rows.
HIDDEN = ("parks", "energy_readings", "park_days", "energy_type_days")

# The function of the audit trail, as in 0012.
AUDITED = """
    create function audited_parks(uuid) returns jsonb language plpgsql volatile as $$
    begin
        perform from parks where id = $1 for no key update;
        return (
            select jsonb_build_object('name', name, 'timezone', timezone, 'energyType', energy_type)
            from parks
            where id = $1
        );
    end
    $$
"""

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
            ) {more}
            from imports
            where id = $1
        );
    end
    $$
"""
ITS_PARK = "|| case when park_id is null then jsonb_build_object() else jsonb_build_object('parkId', park_id) end"


def upgrade() -> None:
    op.create_table(
        "parks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("energy_type", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("energy_type in ('SOLAR', 'WIND')", name="parks_energy_type_is_known"),
        sa.CheckConstraint("name = btrim(name) and char_length(name) between 1 and 200", name="parks_name_is_text"),
        sa.PrimaryKeyConstraint("id", name=op.f("parks_pkey")),
        sa.UniqueConstraint("name", name="parks_name_once"),
    )
    op.add_column("imports", sa.Column("park_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("imports_park_id_fkey"), "imports", "parks", ["park_id"], ["id"], ondelete="RESTRICT")
    # Existing rows satisfy the constraint: no import of park readings could be created before this revision.
    op.create_check_constraint(
        "imports_readings_have_a_park", "imports", "(kind = 'PARK_READINGS') = (park_id is not null)"
    )
    op.create_table(
        "imported_parks",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("park_id", sa.Uuid(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("energy_type", sa.String(), nullable=False),
        sa.Column("old_timezone", sa.String(), nullable=True),
        sa.Column("old_energy_type", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("imported_parks_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["park_id"], ["parks.id"], name=op.f("imported_parks_park_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "park_id", name=op.f("imported_parks_pkey")),
    )
    op.create_table(
        "energy_readings",
        sa.Column("park_id", sa.Uuid(), nullable=False),
        sa.Column("interval_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("power", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("park_id", "interval_start", name=op.f("energy_readings_pkey")),
    )
    op.create_table(
        "replaced_readings",
        sa.Column("park_id", sa.Uuid(), nullable=False),
        sa.Column("interval_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("power", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("park_id", "interval_start", "import_id", name=op.f("replaced_readings_pkey")),
    )
    op.create_table(
        "park_days",
        sa.Column("park_id", sa.Uuid(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("min_power", sa.BigInteger(), nullable=False),
        sa.Column("max_power", sa.BigInteger(), nullable=False),
        sa.Column("sum_power", sa.BigInteger(), nullable=False),
        sa.Column("reading_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["park_id"], ["parks.id"], name=op.f("park_days_park_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("park_id", "local_date", name=op.f("park_days_pkey")),
    )
    op.create_index("park_days_local_date_park_id", "park_days", ["local_date", "park_id"])
    op.create_table(
        "energy_type_days",
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("energy_type", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("min_power", sa.BigInteger(), nullable=False),
        sa.Column("max_power", sa.BigInteger(), nullable=False),
        sa.Column("sum_power", sa.Numeric(), nullable=False),
        sa.Column("reading_count", sa.BigInteger(), nullable=False),
        sa.Column("park_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("local_date", "energy_type", "timezone", name=op.f("energy_type_days_pkey")),
    )
    op.execute(AUDITED)
    op.execute(AUDITED_IMPORTS.format(more=ITS_PARK))
    for table in HIDDEN:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy {table}_seen on {table} for select to {READER_AND_OPERATOR} using (false)")
        op.execute(f"grant select on {table} to {READER_AND_OPERATOR}")


def downgrade() -> None:
    op.execute(AUDITED_IMPORTS.format(more=""))
    op.execute("drop function audited_parks")
    for table in ("energy_type_days", "park_days", "replaced_readings", "energy_readings", "imported_parks"):
        op.drop_table(table)
    op.drop_constraint("imports_readings_have_a_park", "imports")
    op.drop_column("imports", "park_id")
    op.drop_table("parks")
