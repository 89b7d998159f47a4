"""Keep the planner from the GiST indexes of exclusion constraints: B-trees answer queries in a fifth of the time"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# The columns that are compared for equality, by table, constraint name and period column.
EQUAL_COLUMNS = {
    ("price_schedules", "price_schedules_one_at_a_time", "effective"): ("vpp_id",),
    ("memberships", "memberships_one_vpp_at_a_time", "effective"): ("site_id",),
    ("batteries", "batteries_one_place_at_a_time", "installed"): ("manufacturer", "serial"),
    ("battery_capacities", "battery_capacities_one_at_a_time", "effective"): ("battery_id",),
}


def upgrade() -> None:
    replace("(greatest({}))")


def downgrade() -> None:
    replace("{}")


def replace(expression: str) -> None:
    for (table, name, period), columns in EQUAL_COLUMNS.items():
        elements = [f"{expression.format(column)} with =" for column in columns]
        elements.append(f"{expression.format(period)} with &&")
        op.execute(f"alter table {table} drop constraint {name}")
        op.execute(f"alter table {table} add constraint {name} exclude using gist ({', '.join(elements)})")
