"""Store the names of VPPs and parks in Unicode NFC"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = ("vpps", "parks")
# Of names that become equal, one that was in NFC keeps it, or else the oldest; the others get a part of their id.
NORMALISE = """
    update {table}
    set name = case rank
        when 1 then composed
        else rtrim(left(composed, 180)) || ' (' || left({table}.id::text, 8) || ')'
    end
    from (
        select
            id,
            rtrim(left(normalize(name, nfc), 200)) as composed,
            row_number() over (
                partition by normalize(name, nfc) order by name is nfc normalized desc, created_at, id
            ) as rank
        from {table}
    ) as ranked
    where ranked.id = {table}.id and {table}.name is not nfc normalized
"""


def upgrade() -> None:
    for table in TABLES:
        op.execute(NORMALISE.format(table=table))
        op.execute(f"alter table {table} add constraint {table}_name_is_nfc check (name is nfc normalized)")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"alter table {table} drop constraint {table}_name_is_nfc")
