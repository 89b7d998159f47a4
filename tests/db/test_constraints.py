"""Each constraint refuses the rows that its name describes; refusals are recognised by the name of the constraint."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import PrimaryKeyConstraint, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from db.engine.refusals import violated_constraint

# A valid row for each table, as SQL literals.
ID = "'00000000-0000-0000-0000-000000000001'"
OTHER = "'00000000-0000-0000-0000-000000000002'"
JULY = "'[2025-07-01,2025-08-01)'"
ROWS = {
    "vpps": {"id": ID, "name": "'V'"},
    "sites": {"id": ID, "nmi": "'NAAAMYS582'", "address": "'S'"},
    "memberships": {"site_id": ID, "vpp_id": ID, "effective": JULY},
    "price_schedules": {"vpp_id": ID, "effective": JULY, "revenue_percentage": "20", "daily_fee_aud": "0"},
    "batteries": {"id": ID, "site_id": ID, "manufacturer": "'Tesla'", "serial": "'1'", "installed": JULY},
    "battery_capacities": {"battery_id": ID, "effective": JULY, "capacity_kwh": "13.5"},
    "parks": {"id": ID, "name": "'P'", "timezone": "'Europe/Amsterdam'", "energy_type": "'WIND'"},
    "imports": {
        "id": ID,
        "kind": "'BATTERY_EVENTS'",
        "status": "'QUEUED'",
        "file_name": "'f'",
        "charge_tariff": "'COST'",
        "timestamps": "'INTERVAL_START'",
        "duplicates": "'ASK'",
        "etag": "'e'",
        "bytes_total": "1",
        "bytes_read": "0",
        "rows_read": "0",
        "rows_imported": "0",
        "rows_duplicated": "0",
        "rows_undecided": "0",
        "rows_rejected": "0",
        "run": "0",
        "attempts": "0",
    },
    "imported_parks": {"import_id": ID, "park_id": ID, "timezone": "''", "energy_type": "''"},
    "park_days": {
        "park_id": ID,
        "local_date": "'2025-07-01'",
        "min_power_w": "0",
        "max_power_w": "0",
        "sum_power_w": "0",
        "reading_count": "1",
    },
    "import_checkpoints": {
        "import_id": ID,
        "chunk_number": "1",
        "bytes_read": "1",
        "text_bytes_read": "1",
        "lines_read": "1",
    },
    "import_rejections": {"import_id": ID, "line_number": "2", "code": "''", "message": "''", "row_text": "''"},
    "import_rejection_counts": {"import_id": ID, "example_line_number": "2", "row_count": "1"},
    "site_months": {
        "import_id": ID,
        "site_id": ID,
        "month": "'2025-07-01'",
        "block_count": "1",
        "row_count": "1",
        "event_count": "1",
        "revenue_aud": "0",
        "cost_only_aud": "0",
        "charged_kwh": "0",
        "discharged_kwh": "0",
    },
    "import_overlaps": {
        "site_id": ID,
        "month": "'2025-07-01'",
        "import_id": ID,
        "other_import_id": ID,
        "row_count": "1",
        "value_aud": "0",
        "ambiguous_row_count": "0",
        "ambiguous_value_aud": "0",
    },
    "import_warnings": {
        "import_id": ID,
        "code": "''",
        "month": "'2025-07-01'",
        "row_count": "1",
        "value_aud": "0",
        "line_number": "2",
    },
    "import_replacements": {
        "import_id": ID,
        "rows_same": "0",
        "rows_changed": "0",
        "rows_new": "0",
        "rows_gone": "0",
        "value_before_aud": "0",
        "value_after_aud": "0",
    },
    "revenue_reports": {
        "id": ID,
        "vpp_id": ID,
        "month": "'2025-07-01'",
        "revision": "1",
        "status": "'READY'",
        "settled_from": "''",
        "total_revenue_aud": "3",
        "ad_valorem_fee_aud": "1",
        "daily_fees_aud": "1",
        "site_total_aud": "1",
        "cost_only_aud": "-1",
        "vpp_total_aud": "1",
    },
    "site_line_items": {
        "report_id": ID,
        "nmi": "'NAAAMYS582'",
        "site_id": ID,
        "address": "''",
        "capacity_kwh": "0",
        "member_days": "31",
        "revenue_aud": "3",
        "ad_valorem_fee_aud": "1",
        "event_share_aud": "1",
        "capacity_share_aud": "1",
        "before_fees_aud": "2",
        "daily_fee_aud": "1",
        "waived_fee_aud": "0",
        "after_fees_aud": "1",
    },
    "api_keys": {"id": ID, "name": "'K'", "prefix": "''", "secret_sha256": "'x'", "role": "'READER'"},
    "access_keys": {"id": "'VPPK'", "secret": "''", "api_key_id": ID},
}

NEW = {"id": OTHER}
LATER = {"effective": "'[2025-09-01,)'"}
OVERLAPPING = {"effective": "'[2025-07-31,)'"}
NO_DAY = {"effective": "'empty'"}
DECOMPOSED = "U&'Cafe\\0301'"
NEW_NMI = NEW | {"nmi": "'2001985732'"}


def with_values(row: dict[str, str], column: str, *values: str) -> list[dict[str, str]]:
    """Return one copy of a row for each of several values of a column."""
    return [row | {column: value} for value in values]


def with_invalid_texts(row: dict[str, str], column: str, *, max_length: int) -> list[dict[str, str]]:
    """Return copies of a row whose text column is blank, padded or too long."""
    return with_values(row, column, "''", "' '", "' x'", "'x '", f"repeat('x', {max_length + 1})")


# The changes that each constraint refuses: columns to change in the row of ROWS before it is inserted, or a statement.
REFUSED: dict[str, Sequence[dict[str, str] | str]] = {
    "vpps_name_once": [NEW],
    "vpps_name_is_text": with_invalid_texts(NEW, "name", max_length=200),
    "vpps_name_is_nfc": [NEW | {"name": DECOMPOSED}],
    "sites_nmi_once": [NEW],
    "sites_nmi_is_nmi": with_values(NEW, "nmi", "''", "'200198573'", "'20019857328'", "'O001985732'", "'naaamys582'"),
    "sites_address_is_text": with_invalid_texts(NEW_NMI, "address", max_length=500),
    "memberships_one_vpp_at_a_time": [OVERLAPPING, {"effective": "'(,)'"}],
    "memberships_effective_has_days": [NO_DAY],
    "memberships_site_id_fkey": [{"site_id": OTHER}],
    "memberships_vpp_id_fkey": [LATER | {"vpp_id": OTHER}, "delete from vpps"],
    "price_schedules_one_at_a_time": [OVERLAPPING],
    "price_schedules_effective_has_days": [NO_DAY],
    "price_schedules_percentage_is_0_to_100": with_values(LATER, "revenue_percentage", "-0.01", "100.01", "'NaN'"),
    "price_schedules_fee_is_0_to_1000000": with_values(LATER, "daily_fee_aud", "-0.01", "1000000.01", "'Infinity'"),
    "price_schedules_vpp_id_fkey": [{"vpp_id": OTHER}],
    "batteries_one_place_at_a_time": [NEW | {"installed": "'[2025-07-31,)'"}],
    "batteries_installed_has_days": [NEW | {"installed": "'empty'"}],
    "batteries_manufacturer_is_text": with_invalid_texts(NEW, "manufacturer", max_length=200),
    "batteries_serial_is_text": with_invalid_texts(NEW, "serial", max_length=200),
    "batteries_site_id_fkey": [NEW | {"serial": "'2'", "site_id": OTHER}],
    "battery_capacities_one_at_a_time": [OVERLAPPING],
    "battery_capacities_effective_has_days": [NO_DAY],
    "battery_capacities_kwh_is_0_to_1000000": with_values(LATER, "capacity_kwh", "-0.01", "1000000.01", "'NaN'"),
    "battery_capacities_battery_id_fkey": [{"battery_id": OTHER}],
    "imports_file_once": with_values(NEW, "status", "'QUEUED'", "'RUNNING'", "'COMPLETED'"),
    "imports_file_name_is_text": with_invalid_texts(NEW, "file_name", max_length=500),
    "imports_kind_is_known": [NEW | {"kind": "'EVENTS'"}],
    "imports_status_is_known": [NEW | {"status": "'DONE'"}],
    "imports_charge_tariff_is_known": [NEW | {"charge_tariff": "'FREE'"}],
    "imports_timestamps_are_known": [NEW | {"timestamps": "'MIDDLE'"}],
    "imports_duplicates_are_known": [NEW | {"duplicates": "'MAYBE'"}],
    "imports_corrects_fkey": [NEW | {"etag": "'x'", "corrects": "gen_random_uuid()"}],
    "imports_replaces_fkey": [NEW | {"etag": "'x'", "replaces": "gen_random_uuid()"}],
    "import_overlaps_import_id_fkey": [{"import_id": OTHER}],
    "import_replacements_import_id_fkey": [{"import_id": OTHER}],
    "import_warnings_import_id_fkey": [{"import_id": OTHER}],
    "imports_readings_have_a_park": [NEW | {"kind": "'PARK_READINGS'"}, NEW | {"park_id": ID}],
    "imports_park_id_fkey": [NEW | {"kind": "'PARK_READINGS'", "park_id": OTHER}],
    "parks_name_once": [NEW],
    "parks_name_is_text": with_invalid_texts(NEW, "name", max_length=200),
    "parks_name_is_nfc": [NEW | {"name": DECOMPOSED}],
    "parks_energy_type_is_known": [NEW | {"name": "'Q'", "energy_type": "'TIDE'"}],
    "imported_parks_import_id_fkey": [{"import_id": OTHER}],
    "imported_parks_park_id_fkey": [{"park_id": OTHER}],
    "park_days_park_id_fkey": [{"park_id": OTHER}],
    "import_checkpoints_import_id_fkey": [{"import_id": OTHER}],
    "import_rejections_import_id_fkey": [{"import_id": OTHER}],
    "import_rejection_counts_import_id_fkey": [{"import_id": OTHER}],
    "site_months_import_id_fkey": [{"import_id": OTHER}],
    "site_months_site_id_fkey": [{"site_id": OTHER}, "delete from sites"],
    "revenue_reports_revision_once": [NEW],
    "revenue_reports_vpp_id_fkey": [NEW | {"vpp_id": OTHER}],
    "revenue_reports_month_is_first_day": [NEW | {"month": "'2025-07-02'"}],
    "revenue_reports_status_is_known": [NEW | {"status": "'DONE'", "settled_from": "null"}],
    "revenue_reports_ready_has_figures": [NEW | {"settled_from": "null"}, NEW | {"status": "'PENDING'"}],
    "revenue_reports_totals_add_up": [NEW | {"site_total_aud": "2"}, NEW | {"vpp_total_aud": "2"}],
    "site_line_items_report_id_fkey": [{"report_id": OTHER}],
    "site_line_items_add_up": [{"before_fees_aud": "3"}, {"after_fees_aud": "2"}],
    "api_keys_secret_sha256_once": [NEW],
    "api_keys_name_is_text": with_invalid_texts(NEW, "name", max_length=200),
    "api_keys_role_is_known": [NEW | {"role": "'OWNER'"}],
    "access_keys_api_key_id_fkey": [{"id": "'OTHER'", "api_key_id": OTHER}],
}


def insert(table: str, row: dict[str, str]) -> str:
    return f"insert into {table} ({', '.join(row)}) values ({', '.join(row.values())})"  # noqa: S608


@pytest.fixture
async def session_with_rows(session: AsyncSession) -> AsyncSession:
    """A transaction in which each table has one row."""
    for table, row in ROWS.items():
        await session.execute(text(insert(table, row)))
    return session


def table_of(constraint: str) -> str:
    return max((table for table in ROWS if constraint.startswith(table)), key=len)


@pytest.mark.parametrize(
    ("constraint", "refused"), [(constraint, case) for constraint, cases in REFUSED.items() for case in cases]
)
async def test_a_constraint_refuses_what_its_name_describes(
    session_with_rows: AsyncSession, constraint: str, refused: dict[str, str] | str
) -> None:
    table = table_of(constraint)
    statement = refused if isinstance(refused, str) else insert(table, ROWS[table] | refused)

    with pytest.raises(IntegrityError) as error:
        await session_with_rows.execute(text(statement))

    assert violated_constraint(error.value) == constraint


async def test_adjacent_periods_do_not_overlap(session_with_rows: AsyncSession) -> None:
    adjacent: dict[str, dict[str, Any]] = {
        "memberships": {"effective": "'[2025-08-01,)'"},
        "price_schedules": {"effective": "'(,2025-07-01)'"},
        "batteries": NEW | {"installed": "'[2025-08-01,)'"},
        "battery_capacities": {"effective": "'[2025-08-01,)'"},
    }

    for table, change in adjacent.items():
        await session_with_rows.execute(text(insert(table, ROWS[table] | change)))


async def test_a_file_can_be_imported_again_once_its_import_is_reverted(session_with_rows: AsyncSession) -> None:
    await session_with_rows.execute(text("update imports set status = 'REVERTED'"))

    await session_with_rows.execute(text(insert("imports", ROWS["imports"] | NEW)))


async def test_the_models_the_database_and_these_tests_have_the_same_constraints(session: AsyncSession) -> None:
    tables = SQLModel.metadata.tables.values()
    rules: list[Any] = [rule for table in tables for rule in table.constraints]
    rules += [index for table in tables for index in table.indexes if index.unique]

    found = await session.scalars(
        text("""
            select conname from pg_constraint
            where connamespace = 'public'::regnamespace and contype in ('c', 'f', 'u', 'x')
              and conrelid::regclass::text not like 'pgqueuer%'
            union
            select indexrelid::regclass::text from pg_index
            where indisunique and not indisprimary and indrelid::regclass::text = any(:tables)
        """),
        {"tables": list(ROWS)},
    )

    described = {rule.name for rule in rules if not isinstance(rule, PrimaryKeyConstraint)}
    assert described == set(found) == REFUSED.keys()


@pytest.mark.parametrize(
    ("table", "column"),
    [("memberships", "site_id"), ("price_schedules", "vpp_id"), ("battery_capacities", "battery_id")],
)
async def test_a_query_for_a_day_uses_the_primary_key_and_not_the_index_of_the_exclusion_constraint(
    session: AsyncSession, table: str, column: str
) -> None:
    # The planner would read a table this small sequentially.
    await session.execute(text("set local enable_seqscan = off"))

    for day in ("effective @> current_date", "range_contains_elem(effective, current_date)"):
        explained = await session.scalars(text(f"explain select from {table} where {column} = {ID} and {day}"))
        used = [line for line in explained if "Index" in line and " on " in line]

        assert used
        assert all(f"{table}_pkey" in line for line in used)
