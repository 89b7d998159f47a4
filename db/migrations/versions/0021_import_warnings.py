"""Warnings of imports"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

READER_AND_OPERATOR = "vpp_held_reader, vpp_held_operator"


def upgrade() -> None:
    op.create_table(
        "import_warnings",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("value_aud", sa.Numeric(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_warnings_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "code", "month", name=op.f("import_warnings_pkey")),
    )
    op.execute("alter table import_warnings enable row level security")
    op.execute(f"""
        create policy import_warnings_seen on import_warnings for select to {READER_AND_OPERATOR}
        using (exists (select from imports where id = import_id))
    """)  # noqa: S608 Only constants.
    op.execute(f"grant select on import_warnings to {READER_AND_OPERATOR}")


def downgrade() -> None:
    op.drop_table("import_warnings")
