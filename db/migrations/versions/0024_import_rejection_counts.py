"""Count the rejections of an import by code and column"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

READER_AND_OPERATOR = "vpp_held_reader, vpp_held_operator"


def upgrade() -> None:
    op.create_table(
        "import_rejection_counts",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("example_line_number", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("import_rejection_counts_import_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "example_line_number", name=op.f("import_rejection_counts_pkey")),
    )
    op.execute("""
        insert into import_rejection_counts (import_id, example_line_number, row_count)
        select import_id, min(line_number), count(*) from import_rejections group by import_id, code, column_name
    """)
    op.execute("alter table import_rejection_counts enable row level security")
    op.execute(f"""
        create policy import_rejection_counts_seen on import_rejection_counts for select to {READER_AND_OPERATOR}
        using (exists (select from imports where id = import_id))
    """)  # noqa: S608 Only constants.
    op.execute(f"grant select on import_rejection_counts to {READER_AND_OPERATOR}")


def downgrade() -> None:
    op.drop_table("import_rejection_counts")
