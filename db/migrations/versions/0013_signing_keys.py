"""Signing keys for tokens, and notices for every change of an API key except its last use"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("private_key_pem", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("good_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("signing_keys_pkey")),
    )
    # A deleted row has no `new`, only `old`.
    op.execute("""
        create or replace function notice_change() returns trigger language plpgsql as $$
        begin
            perform pg_notify('notices', tg_table_name || ' ' || coalesce(new.id, old.id));
            return null;
        end
        $$
    """)
    op.execute("drop trigger api_keys_notice_change on api_keys")
    op.execute("""
        create trigger api_keys_notice_change
        after delete or update of name, role, vpp_ids, site_ids, expires_at, revoked_at on api_keys
        for each row execute function notice_change()
    """)


def downgrade() -> None:
    op.execute("drop trigger api_keys_notice_change on api_keys")
    op.execute("""
        create trigger api_keys_notice_change
        after update of revoked_at, expires_at on api_keys
        for each row execute function notice_change()
    """)
    op.execute("""
        create or replace function notice_change() returns trigger language plpgsql as $$
        begin
            perform pg_notify('notices', tg_table_name || ' ' || new.id);
            return null;
        end
        $$
    """)
    op.drop_table("signing_keys")
