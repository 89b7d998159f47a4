"""Notify when an API key is revoked or its expiry changes"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not on every update: `last_used_at` changes each minute.
    op.execute("""
        create trigger api_keys_notice_change
        after update of revoked_at, expires_at on api_keys
        for each row execute function notice_change()
    """)


def downgrade() -> None:
    op.execute("drop trigger api_keys_notice_change on api_keys")
