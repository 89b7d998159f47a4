"""Revenue reports and their line items"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "revenue_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("vpp_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("failure_reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_from", sa.String(), nullable=True),
        sa.Column("vpp_name", sa.String(), nullable=True),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("total_revenue_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.Column("ad_valorem_fee_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.Column("daily_fees_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.Column("cost_only_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.Column("vpp_total_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.Column("site_total_aud", sa.Numeric(precision=20, scale=2), nullable=True),
        sa.CheckConstraint(
            "(status = 'READY') = (settled_from is not null and total_revenue_aud is not null)",
            name="revenue_reports_ready_has_figures",
        ),
        sa.CheckConstraint("status in ('PENDING', 'READY', 'FAILED')", name="revenue_reports_status_is_known"),
        sa.CheckConstraint("extract(day from month) = 1", name="revenue_reports_month_is_first_day"),
        sa.CheckConstraint(
            "total_revenue_aud = ad_valorem_fee_aud + daily_fees_aud + site_total_aud"
            " and vpp_total_aud = ad_valorem_fee_aud + daily_fees_aud + cost_only_aud",
            name="revenue_reports_totals_add_up",
        ),
        sa.ForeignKeyConstraint(["vpp_id"], ["vpps.id"], name=op.f("revenue_reports_vpp_id_fkey"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("revenue_reports_pkey")),
        sa.UniqueConstraint("vpp_id", "month", "revision", name="revenue_reports_revision_once"),
    )
    op.create_index("revenue_reports_created_at_id", "revenue_reports", ["created_at", "id"], unique=False)
    op.create_table(
        "site_line_items",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("nmi", sa.String(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("capacity_kwh", sa.Numeric(), nullable=False),
        sa.Column("member_days", sa.Integer(), nullable=False),
        sa.Column("revenue_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("ad_valorem_fee_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("event_share_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("capacity_share_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("before_fees_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("daily_fee_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("waived_fee_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.Column("after_fees_aud", sa.Numeric(precision=20, scale=2), nullable=False),
        sa.CheckConstraint(
            "before_fees_aud = event_share_aud + capacity_share_aud"
            " and after_fees_aud = before_fees_aud - daily_fee_aud",
            name="site_line_items_add_up",
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["revenue_reports.id"], name=op.f("site_line_items_report_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("site_line_items_site_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("report_id", "nmi", name=op.f("site_line_items_pkey")),
    )
    op.create_index(op.f("site_line_items_site_id"), "site_line_items", ["site_id"], unique=False)


def downgrade() -> None:
    op.drop_table("site_line_items")
    op.drop_table("revenue_reports")
