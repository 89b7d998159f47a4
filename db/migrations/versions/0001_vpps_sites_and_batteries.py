"""VPPs, sites and batteries"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create extension if not exists btree_gist")
    op.create_table(
        "vpps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("name = btrim(name) and char_length(name) between 1 and 200", name="vpps_name_is_text"),
        sa.PrimaryKeyConstraint("id", name=op.f("vpps_pkey")),
        sa.UniqueConstraint("name", name="vpps_name_once"),
    )
    op.create_table(
        "price_schedules",
        sa.Column("vpp_id", sa.Uuid(), nullable=False),
        sa.Column("effective", postgresql.DATERANGE(), nullable=False),
        sa.Column("revenue_percentage", sa.Numeric(), nullable=False),
        sa.Column("daily_fee_aud", sa.Numeric(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("vpp_id"), "="),
            (sa.column("effective"), "&&"),
            using="gist",
            name="price_schedules_one_at_a_time",
        ),
        sa.CheckConstraint("daily_fee_aud between 0 and 1000000", name="price_schedules_fee_is_0_to_1000000"),
        sa.CheckConstraint("not isempty(effective)", name="price_schedules_effective_has_days"),
        sa.CheckConstraint("revenue_percentage between 0 and 100", name="price_schedules_percentage_is_0_to_100"),
        sa.ForeignKeyConstraint(["vpp_id"], ["vpps.id"], name=op.f("price_schedules_vpp_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("vpp_id", "effective", name=op.f("price_schedules_pkey")),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("nmi", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("nmi ~ '^[0-9A-HJ-NP-Z]{10}$'", name="sites_nmi_is_nmi"),
        sa.CheckConstraint(
            "address = btrim(address) and char_length(address) between 1 and 500", name="sites_address_is_text"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sites_pkey")),
        sa.UniqueConstraint("nmi", name="sites_nmi_once"),
    )
    op.create_table(
        "memberships",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("effective", postgresql.DATERANGE(), nullable=False),
        sa.Column("vpp_id", sa.Uuid(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("site_id"), "="),
            (sa.column("effective"), "&&"),
            using="gist",
            name="memberships_one_vpp_at_a_time",
        ),
        sa.CheckConstraint("not isempty(effective)", name="memberships_effective_has_days"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("memberships_site_id_fkey"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["vpp_id"], ["vpps.id"], name=op.f("memberships_vpp_id_fkey"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("site_id", "effective", name=op.f("memberships_pkey")),
    )
    op.create_index(op.f("memberships_vpp_id"), "memberships", ["vpp_id"], unique=False)
    op.create_table(
        "batteries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("manufacturer", sa.String(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("installed", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("manufacturer"), "="),
            (sa.column("serial"), "="),
            (sa.column("installed"), "&&"),
            using="gist",
            name="batteries_one_place_at_a_time",
        ),
        sa.CheckConstraint(
            "manufacturer = btrim(manufacturer) and char_length(manufacturer) between 1 and 200",
            name="batteries_manufacturer_is_text",
        ),
        sa.CheckConstraint("not isempty(installed)", name="batteries_installed_has_days"),
        sa.CheckConstraint(
            "serial = btrim(serial) and char_length(serial) between 1 and 200", name="batteries_serial_is_text"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("batteries_site_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("batteries_pkey")),
    )
    op.create_index(op.f("batteries_site_id"), "batteries", ["site_id"], unique=False)
    op.create_table(
        "battery_capacities",
        sa.Column("battery_id", sa.Uuid(), nullable=False),
        sa.Column("effective", postgresql.DATERANGE(), nullable=False),
        sa.Column("capacity_kwh", sa.Numeric(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("battery_id"), "="),
            (sa.column("effective"), "&&"),
            using="gist",
            name="battery_capacities_one_at_a_time",
        ),
        sa.CheckConstraint("capacity_kwh between 0 and 1000000", name="battery_capacities_kwh_is_0_to_1000000"),
        sa.CheckConstraint("not isempty(effective)", name="battery_capacities_effective_has_days"),
        sa.ForeignKeyConstraint(
            ["battery_id"], ["batteries.id"], name=op.f("battery_capacities_battery_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("battery_id", "effective", name=op.f("battery_capacities_pkey")),
    )


def downgrade() -> None:
    op.drop_table("battery_capacities")
    op.drop_table("batteries")
    op.drop_table("memberships")
    op.drop_table("sites")
    op.drop_table("price_schedules")
    op.drop_table("vpps")
    op.execute("drop extension btree_gist")
