"""Which rows of several imports count: times of day, decisions, corrections and replacements, as tables."""

from typing import Any

import pytest

from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
DECIDE = """mutation ($id: ID!, $duplicates: Duplicates!) {
    updateImport(input: {id: $id, duplicates: $duplicates}) { duplicates rowsImported rowsDuplicated rowsUndecided }
}"""
OVERLAPS = """query ($id: ID!) { getImport(id: $id) {
    overlaps { otherImportId rowCount valueAud rowsUndecided undecidedValueAud }
} }"""
REPLACEMENT = """query ($id: ID!) { getImport(id: $id) {
    replacement { rowsSame rowsChanged rowsNew rowsGone valueBeforeAud valueAfterAud }
} }"""
CREATE = "mutation ($input: CreateImportInput!) { createImport(input: $input) { import { id } } }"


class Site:
    """A site of a VPP that keeps nothing of its revenue, with imports of events of the settlement month 2025-09."""

    def __init__(self, api: Api, nmi: str, vpp_id: str) -> None:
        self.api = api
        self.nmi = nmi
        self.vpp_id = vpp_id
        self.files = 0

    async def bring(self, *rows: str, **more: Any) -> Any:
        """Import rows written `day event-type kWh c/kWh`, with a day such as 03 or 03T08:00."""
        lines = (",".join([self.nmi, *f"2025-09-{row}".split()]) for row in rows)
        # A file of the same bytes as an earlier one is refused, so each has another number of blank lines.
        self.files += 1
        return await self.api.import_file(HEADER + "".join(f"{line}\n" for line in lines) + "\n" * self.files, **more)

    async def revenue(self) -> str:
        """Settle the month, and return its revenue."""
        return str((await self.api.settle_month(self.vpp_id, "2025-09"))["totals"]["totalRevenueAud"])

    async def events(self) -> list[tuple[str, str | None]]:
        site = await self.api.execute(
            "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { events { items { settlementDate occurredAt } } } }",
            nmi=self.nmi,
        )
        return [(event["settlementDate"], event["occurredAt"]) for event in site["events"]["items"]]


@pytest.fixture
async def site(api: Api, worker: None) -> Site:
    nmi, vpp_id = new_nmi(), await api.create_vpp()
    await api.create_site(vpp_id, nmi=nmi)
    return Site(api, nmi, vpp_id)


def counts(imported: Any) -> tuple[int, int, int]:
    return imported["rowsImported"], imported["rowsDuplicated"], imported["rowsUndecided"]


# The rows of the first import, of the second, and for the second: imported, duplicated, undecided; the revenue.
@pytest.mark.parametrize(
    ("first", "second", "expected", "revenue"),
    [
        # The same energy at two times of a day: two events.
        (["03T08:00 DISCHARGE 5 20"], ["03T17:00 DISCHARGE 5 20"], (1, 0, 0), "2.00"),
        # The same moment, written in NEM time and in UTC: one event.
        (["03T08:00 DISCHARGE 5 20"], ["02T22:00:00Z DISCHARGE 5 20"], (0, 1, 0), "1.00"),
        # Bare days: the second row may be the first one again.
        (["03 DISCHARGE 5 20"], ["03 DISCHARGE 5 20"], (0, 0, 1), "1.00"),
        (["03 DISCHARGE 5 20"], ["03 DISCHARGE 5 20", "03 DISCHARGE 5 20"], (1, 0, 1), "2.00"),
        # A bare day and a time: the second row may be the first one, given more precisely or less.
        (["03 DISCHARGE 5 20"], ["03T08:00 DISCHARGE 5 20"], (0, 0, 1), "1.00"),
        (["03T08:00 DISCHARGE 5 20"], ["03 DISCHARGE 5 20"], (0, 0, 1), "1.00"),
        (["03 DISCHARGE 5 20"], ["03T08:00 DISCHARGE 5 20", "03T17:00 DISCHARGE 5 20"], (1, 0, 1), "2.00"),
        # Another day, type, energy or tariff: another event.
        (["03 DISCHARGE 5 20"], ["04 DISCHARGE 5 20"], (1, 0, 0), "2.00"),
        (["03 DISCHARGE 5 20"], ["03 CHARGE 5 20"], (1, 0, 0), "0.00"),
        (["03 DISCHARGE 5 20"], ["03 DISCHARGE 5 21"], (1, 0, 0), "2.05"),
    ],
)
async def test_rows_of_two_imports_are_compared_by_their_time(
    site: Site, first: list[str], second: list[str], expected: tuple[int, int, int], revenue: str
) -> None:
    await site.bring(*first)

    assert counts(await site.bring(*second)) == expected
    assert await site.revenue() == revenue


async def test_time_of_an_event_is_shown_in_nem_time_and_a_bare_day_has_none(site: Site) -> None:
    await site.bring("03 DISCHARGE 5 20", "03T08:00 DISCHARGE 5 20", "04T00:00 DISCHARGE 5 20")

    assert sorted(await site.events(), key=str) == [
        ("2025-09-03", "2025-09-02T22:00:00.000Z"),
        ("2025-09-03", None),
        ("2025-09-04", "2025-09-03T14:00:00.000Z"),
    ]


async def test_midnight_belongs_to_the_day_that_ends_then_if_timestamps_are_interval_ends(site: Site) -> None:
    await site.bring("04T00:00 DISCHARGE 5 20", "04T00:05 DISCHARGE 5 20", timestamps="INTERVAL_END")

    assert await site.events() == [
        ("2025-09-03", "2025-09-03T14:00:00.000Z"),
        ("2025-09-04", "2025-09-03T14:05:00.000Z"),
    ]


# Twelve equal events of 0.4167 kWh at 22 c, in a file that was cut into two halves.
async def test_halves_of_a_file_with_bare_days_count_once_somebody_decides(site: Site) -> None:
    half = ["03 DISCHARGE 0.4167 22"] * 6
    first = await site.bring(*half)
    second = await site.bring(*half, "04 DISCHARGE 1 0")

    assert counts(second) == (1, 0, 6)
    assert await site.revenue() == "0.55"
    overlaps = (await site.api.execute(OVERLAPS, id=second["id"]))["overlaps"]
    assert overlaps == [
        {
            "otherImportId": first["id"],
            "rowCount": 6,
            "valueAud": "0.550044",
            "rowsUndecided": 6,
            "undecidedValueAud": "0.550044",
        }
    ]

    for duplicates, expected, revenue in (
        ("COUNT", (7, 0, 0), "1.10"),
        ("SKIP", (1, 6, 0), "0.55"),
        ("ASK", (1, 0, 6), "0.55"),
        ("COUNT", (7, 0, 0), "1.10"),
    ):
        decided = await site.api.execute(DECIDE, id=second["id"], duplicates=duplicates)
        assert (decided["duplicates"], counts(decided)) == (duplicates, expected)
        assert await site.revenue() == revenue


async def test_decision_makes_the_reports_that_it_touches_stale(site: Site) -> None:
    await site.bring("03 DISCHARGE 5 20")
    second = await site.bring("03 DISCHARGE 5 20", "04 DISCHARGE 5 20")
    report = await site.api.settle_month(site.vpp_id, "2025-09")

    await site.api.execute(DECIDE, id=second["id"], duplicates="SKIP")
    assert (await site.api.wait_for_report(report["id"]))["isStale"] is False

    await site.api.execute(DECIDE, id=second["id"], duplicates="COUNT")
    assert (await site.api.wait_for_report(report["id"]))["isStale"] is True


async def test_import_that_brings_nothing_new_leaves_reports_current(site: Site) -> None:
    await site.bring("03T08:00 DISCHARGE 5 20")
    report = await site.api.settle_month(site.vpp_id, "2025-09")

    await site.bring("03T08:00:00 DISCHARGE 5.0 20.0")

    assert (await site.api.wait_for_report(report["id"]))["isStale"] is False


async def test_corrected_row_is_not_a_duplicate_of_an_equal_row_of_the_same_file(site: Site) -> None:
    first = await site.bring("03 DISCHARGE 5 11", "03 DISCHARGE 5,0 11")
    assert (first["rowsImported"], first["rowsRejected"]) == (1, 1)

    corrected = await site.bring("03 DISCHARGE 5 11", corrects=first["id"])

    assert counts(corrected) == (1, 0, 0)
    assert await site.revenue() == "1.10"


async def test_corrected_row_is_compared_with_other_imports(site: Site) -> None:
    first = await site.bring("03 DISCHARGE 5 11", "03 DISCHARGE 5,0 11")
    await site.bring("03 DISCHARGE 5 11", "03 DISCHARGE 5 11", duplicates="SKIP")

    corrected = await site.bring("03 DISCHARGE 5.0 11", corrects=first["id"])

    assert counts(corrected) == (0, 0, 1)
    assert await site.revenue() == "1.10"


async def test_replacement_reverts_the_replaced_import_and_states_the_difference(site: Site) -> None:
    first = await site.bring(
        "03 DISCHARGE 5 20", "03 DISCHARGE 5 20", "04T08:00 DISCHARGE 1 30", "05 DISCHARGE 2 40", "06 CHARGE 1 10"
    )
    assert await site.revenue() == "3.00"

    second = await site.bring(
        "03 DISCHARGE 5 20",
        "03 DISCHARGE 5 20",
        "04T08:00 DISCHARGE 1 35",
        "06 CHARGE 1 10",
        "07 DISCHARGE 1 10",
        replaces=first["id"],
    )

    assert counts(second) == (5, 0, 0)
    assert (await site.api.wait_for_import(first["id"]))["status"] == "REVERTED"
    # 2.00 + 0.30 + 0.80 - 0.10 before, 2.00 + 0.35 - 0.10 + 0.10 after.
    assert (await site.api.execute(REPLACEMENT, id=second["id"]))["replacement"] == {
        "rowsSame": 3,
        "rowsChanged": 1,
        "rowsNew": 1,
        "rowsGone": 1,
        "valueBeforeAud": "3.00",
        "valueAfterAud": "2.35",
    }
    assert await site.revenue() == "2.35"


@pytest.mark.parametrize(
    ("more", "error_type", "message"),
    [
        ({"corrects": "UNKNOWN"}, "NotFound", "There is no import with the id"),
        ({"replaces": "UNKNOWN"}, "NotFound", "There is no import with the id"),
        ({"corrects": "AWAITING"}, "Conflict", "of BATTERY_EVENTS is AWAITING_UPLOAD; only a COMPLETED"),
        ({"corrects": "COMPLETED", "replaces": "COMPLETED"}, "ValidationFailed", "give only one of the two"),
        ({"kind": "PARKS", "duplicates": "COUNT"}, "ValidationFailed", "An import of PARKS takes no duplicates"),
    ],
)
async def test_corrections_and_replacements_name_a_completed_import_of_events(
    site: Site, more: dict[str, str], error_type: str, message: str
) -> None:
    ids = {
        "UNKNOWN": "00000000-0000-4000-8000-000000000000",
        "AWAITING": await site.api.upload(HEADER),
        "COMPLETED": (await site.bring("03 DISCHARGE 5 20"))["id"],
    }
    given = {"kind": "BATTERY_EVENTS", "fileName": "events.csv"} | {
        name: ids.get(value, value) for name, value in more.items()
    }

    (error,) = (await site.api.response(CREATE, input=given))["errors"]

    assert error["errorType"] == error_type
    assert message in error["message"]
