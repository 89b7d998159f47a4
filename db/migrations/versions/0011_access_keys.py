"""Access keys for signed requests"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("access_keys_api_key_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("access_keys_pkey")),
    )
    op.create_index(op.f("access_keys_api_key_id"), "access_keys", ["api_key_id"])
    # The table holds secrets, so default privileges of other roles are revoked.
    op.execute("revoke all on access_keys from public")


def downgrade() -> None:
    op.drop_table("access_keys")
