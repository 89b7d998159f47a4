"""Name the units of energy, tariff and power columns"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# The view `events` and the constraints follow a rename, and no function names these columns.
RENAMED = (
    ("event_blocks", "energies", "energies_microkwh"),
    ("event_blocks", "tariffs", "tariffs_microcents_per_kwh"),
    ("energy_readings", "power", "power_w"),
    ("replaced_readings", "power", "power_w"),
    ("park_days", "min_power", "min_power_w"),
    ("park_days", "max_power", "max_power_w"),
    ("park_days", "sum_power", "sum_power_w"),
    ("energy_type_days", "min_power", "min_power_w"),
    ("energy_type_days", "max_power", "max_power_w"),
    ("energy_type_days", "sum_power", "sum_power_w"),
)


def upgrade() -> None:
    for table, old, new in RENAMED:
        op.execute(f"alter table {table} rename column {old} to {new}")


def downgrade() -> None:
    for table, old, new in RENAMED:
        op.execute(f"alter table {table} rename column {new} to {old}")
