"""Let the indexes of exclusion constraints be for these alone: queries are answered sooner by B-trees"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# The columns in which no two rows are alike in the same days, by the tables and names of the constraints.
ALIKE = {
    ("price_schedules", "price_schedules_one_at_a_time", "effective"): ("vpp_id",),
    ("memberships", "memberships_one_vpp_at_a_time", "effective"): ("site_id",),
    ("batteries", "batteries_one_place_at_a_time", "installed"): ("manufacturer", "serial"),
    ("battery_capacities", "battery_capacities_one_at_a_time", "effective"): ("battery_id",),
}


def upgrade() -> None:
    replace("(greatest({}))")


def downgrade() -> None:
    replace("{}")


def replace(written: str) -> None:
    for (table, name, period), columns in ALIKE.items():
        alike = ", ".join(f"{written.format(column)} with =" for column in columns)
        op.execute(f"alter table {table} drop constraint {name}")
        op.execute(
            f"alter table {table} add constraint {name} exclude using gist ({alike}, {written.format(period)} with &&)"
        )
