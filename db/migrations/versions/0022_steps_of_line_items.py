"""Keep the numbers that reports and line items are settled from"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("revenue_reports", sa.Column("settled_spans", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("site_line_items", sa.Column("settled_numbers", postgresql.JSONB(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("site_line_items", "settled_numbers")
    op.drop_column("revenue_reports", "settled_spans")
