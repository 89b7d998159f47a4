"""Warnings about rows that were imported but may not be meant, and imports of which no row came in."""

from typing import Any

import pytest

from tests.fixtures.api import Api, new_nmi

HEADER = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
WARNINGS = "query ($id: ID!) { getImport(id: $id) { warnings { code month rowCount valueAud lineNumber } } }"
START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"


async def warnings_of(api: Api, imported: Any) -> list[tuple[Any, ...]]:
    assert imported["status"] == "COMPLETED"
    found = await api.execute(WARNINGS, id=imported["id"])
    return [tuple(warning.values()) for warning in found["warnings"]]


@pytest.fixture
async def nmi(api: Api, worker: None) -> str:
    """The NMI of a site that joined a VPP on 10 September 2025."""
    nmi = new_nmi()
    await api.create_site(await api.create_vpp(), nmi=nmi, effectiveFrom="2025-09-10")
    return nmi


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["2025-09-10,DISCHARGE,1,10", "2025-10-01,DISCHARGE,1,10"], []),
        # Line 2 and 4 are before the site joined: 100 kWh at 50 c, 1 kWh at 10 c.
        (
            ["2025-09-05,DISCHARGE,100,50", "2025-09-12,DISCHARGE,10,50", "2025-09-09T23:00,DISCHARGE,1,10"],
            [("NO_VPP_ON_DAY", "2025-09", 2, "50.10", 2)],
        ),
        (
            ["2025-08-31,DISCHARGE,1,10", "2025-09-09,CHARGE,1,10"],
            [("NO_VPP_ON_DAY", "2025-08", 1, "0.10", 2), ("NO_VPP_ON_DAY", "2025-09", 1, "-0.10", 3)],
        ),
        (["2025-09-12,DISCHARGE,1,10", "2092-09-12,DISCHARGE,5,22"], [("FUTURE_DAY", "2092-09", 1, "1.10", 3)]),
        # Two values for one moment; equal rows and another event type are none.
        (
            [
                "2025-09-12T08:00,DISCHARGE,1,10",
                "2025-09-12T08:00,CHARGE,1,10",
                "2025-09-12T09:00,DISCHARGE,1,10",
                "2025-09-12T09:00,DISCHARGE,1,10",
                "2025-09-11T22:00Z,DISCHARGE,2,10",
            ],
            [("CONFLICTING_VALUES", "2025-09", 2, "0.30", 2)],
        ),
        (["2025-09-12,DISCHARGE,1,10", "2025-09-12,DISCHARGE,2,10"], []),
        # Ten discharges, all at a loss; then nine of which one earns more than the others lose.
        (["2025-09-12,DISCHARGE,1,-10"] * 10, [("NEGATIVE_DISCHARGES", "2025-09", 10, "-1.00", 2)]),
        (["2025-09-12,DISCHARGE,1,-10"] * 9, []),
        (["2025-09-12,DISCHARGE,1,-10"] * 10 + ["2025-09-12,DISCHARGE,100,30"], []),
    ],
)
async def test_rows_that_may_not_be_meant_are_warned_of(
    api: Api, nmi: str, rows: list[str], expected: list[tuple[Any, ...]]
) -> None:
    imported = await api.import_file(HEADER + "".join(f"{nmi},{row}\n" for row in rows))

    assert imported["rowsImported"] == len(rows)
    assert await warnings_of(api, imported) == expected


async def test_rows_that_differ_from_an_earlier_import_are_warned_of(api: Api, nmi: str) -> None:
    await api.import_file(HEADER + f"{nmi},2025-09-12T08:00,DISCHARGE,1,10\n{nmi},2025-09-12T09:00,DISCHARGE,1,10\n")

    second = await api.import_file(
        HEADER
        + f"{nmi},2025-09-12T08:00,DISCHARGE,1,10\n"
        + f"{nmi},2025-09-12T09:00,DISCHARGE,3,10\n"
        + f"{nmi},2025-09-12T10:00,DISCHARGE,1,10\n"
    )

    assert (second["rowsImported"], second["rowsDuplicated"]) == (2, 1)
    assert await warnings_of(api, second) == [("DIFFERS_FROM_ANOTHER_IMPORT", "2025-09", 1, "0.30", 3)]


async def test_import_of_which_no_row_came_in_fails_with_the_commonest_cause(api: Api, nmi: str) -> None:
    unknown = new_nmi()

    imported = await api.import_file(
        HEADER + f"{nmi},12.9.2025,DISCHARGE,1,10\n" + f"{unknown},2025-09-12,DISCHARGE,1,10\n" * 2
    )

    assert imported["status"] == "FAILED"
    assert imported["failureReason"] == (
        f"NMI: 2 of 3 rows, such as line 3: '{unknown}' is not the NMI of a site; expected the NMI of an existing site:"
        " create the site or correct the NMI. Nothing was imported. Correct the file and upload it as a new import, or"
        " correct the cause elsewhere and start this import again."
    )
    assert len(imported["rejections"]["items"]) == 3


async def test_file_of_an_import_of_which_no_row_came_in_can_be_imported_once_its_sites_exist(
    api: Api, worker: None
) -> None:
    nmi = new_nmi()
    content = HEADER + f"{nmi},2025-09-12,DISCHARGE,1,10\n"
    failed = await api.import_file(content)
    assert failed["status"] == "FAILED"
    await api.create_site(await api.create_vpp(), nmi=nmi)

    await api.execute(START, id=failed["id"])

    started_again = await api.wait_for_import(failed["id"])
    assert (started_again["status"], started_again["rowsImported"], started_again["rejections"]["items"]) == (
        "COMPLETED",
        1,
        [],
    )
