"""Imports and battery events"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("charge_tariff", sa.String(), nullable=False),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_imported", sa.Integer(), nullable=False),
        sa.Column("rows_duplicated", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("failure_reason", sa.String(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("charge_tariff in ('COST', 'EARNING')", name="imports_charge_tariff_is_known"),
        sa.CheckConstraint("kind in ('BATTERY_EVENTS', 'PARKS', 'PARK_READINGS')", name="imports_kind_is_known"),
        sa.CheckConstraint(
            "status in ('AWAITING_UPLOAD', 'QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'REVERTED')",
            name="imports_status_is_known",
        ),
        sa.CheckConstraint(
            "file_name = btrim(file_name) and char_length(file_name) between 1 and 500",
            name="imports_file_name_is_text",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("imports_pkey")),
    )
    op.create_index("imports_created_at_id", "imports", ["created_at", "id"], unique=False)
    op.create_index(
        "imports_file_once",
        "imports",
        ["etag", "bytes_total"],
        unique=True,
        postgresql_where=sa.text("kind = 'BATTERY_EVENTS' and status in ('QUEUED', 'RUNNING', 'COMPLETED')"),
    )
    op.create_table(
        "import_checkpoints",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("chunk_number", sa.Integer(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("lines_read", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_checkpoints_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "chunk_number", name=op.f("import_checkpoints_pkey")),
    )
    op.create_table(
        "import_rejections",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("row_text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_rejections_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "line_number", name=op.f("import_rejections_pkey")),
    )
    op.create_table(
        "event_blocks",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("chunk_number", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("revenue_aud", sa.Numeric(), nullable=False),
        sa.Column("cost_only_aud", sa.Numeric(), nullable=False),
        sa.Column("charged_kwh", sa.Numeric(), nullable=False),
        sa.Column("discharged_kwh", sa.Numeric(), nullable=False),
        sa.Column("days", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("discharges", sa.ARRAY(sa.Boolean()), nullable=False),
        sa.Column("energies", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("tariffs", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("line_numbers", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("duplicates", sa.ARRAY(sa.Boolean()), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "site_id", "month", "chunk_number", name=op.f("event_blocks_pkey")),
    )
    op.create_table(
        "site_months",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("block_count", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("repeats", sa.Uuid(), nullable=True),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("revenue_aud", sa.Numeric(), nullable=False),
        sa.Column("cost_only_aud", sa.Numeric(), nullable=False),
        sa.Column("charged_kwh", sa.Numeric(), nullable=False),
        sa.Column("discharged_kwh", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("site_months_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("site_months_site_id_fkey"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("import_id", "site_id", "month", name=op.f("site_months_pkey")),
    )
    op.create_index("site_months_site_id_month", "site_months", ["site_id", "month"], unique=False)


def downgrade() -> None:
    op.drop_table("site_months")
    op.drop_table("event_blocks")
    op.drop_table("import_rejections")
    op.drop_table("import_checkpoints")
    op.drop_table("imports")
