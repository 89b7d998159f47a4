"""The view `events`: the events that count, unnested from their blocks"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A stored tariff is positive for money earned. For a charge the view shows the tariff as a cost, with the opposite
    # sign.
    op.execute("""
        create view events as
        select
            blocks.import_id,
            event.line_number,
            blocks.site_id,
            blocks.month,
            blocks.month + (event.day - 1) as settlement_date,
            case when event.discharge then 'DISCHARGE' else 'CHARGE' end as event_type,
            event.energy * 0.000001 as energy_kwh,
            event.tariff * case when event.discharge then 0.000001 else -0.000001 end as tariff_cents_per_kwh,
            event.energy::numeric * event.tariff * 0.00000000000001 as value_aud
        from event_blocks blocks
        join site_months using (import_id, site_id, month)
        cross join lateral unnest(
            blocks.days, blocks.discharges, blocks.energies, blocks.tariffs, blocks.line_numbers, blocks.duplicates
        ) as event (day, discharge, energy, tariff, line_number, duplicate)
        where site_months.repeats is null
          and event.duplicate is not true
    """)


def downgrade() -> None:
    op.execute("drop view events")
