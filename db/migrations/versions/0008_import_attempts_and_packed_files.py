"""Count an import's attempts without progress, and store offsets in the text of compressed files"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("imports", "attempts", server_default=None)
    op.add_column("import_checkpoints", sa.Column("text_bytes_read", sa.BigInteger(), nullable=True))
    # No compressed file was imported before this revision, so both offsets are equal.
    op.execute("update import_checkpoints set text_bytes_read = bytes_read")
    op.alter_column("import_checkpoints", "text_bytes_read", nullable=False)


def downgrade() -> None:
    op.drop_column("import_checkpoints", "text_bytes_read")
    op.drop_column("imports", "attempts")
