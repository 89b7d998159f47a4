"""Reword the error that refuses changes of audit entries"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace_refuse_change("'Rows of ' || tg_table_name || ' cannot be changed or deleted.'")


def downgrade() -> None:
    _replace_refuse_change("'What is kept in ' || tg_table_name || ' is kept as it is.'")


def _replace_refuse_change(message: str) -> None:
    op.execute(f"""
        create or replace function refuse_change() returns trigger language plpgsql as $$
        begin
            raise insufficient_privilege using message = {message};
        end
        $$
    """)
