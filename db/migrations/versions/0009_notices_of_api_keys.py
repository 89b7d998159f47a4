"""Tell when an API key has been revoked, or its expiry has changed"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not of every update: that a key is in use is noted each minute.
    op.execute("""
        create trigger api_keys_notice_change
        after update of revoked_at, expires_at on api_keys
        for each row execute function notice_change()
    """)


def downgrade() -> None:
    op.execute("drop trigger api_keys_notice_change on api_keys")
