import csv
import json
import re
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest
from rich.console import Console

from graph.commands.script import LineRefused, print_reports, run_script
from graph.commands.script.client import Client
from graph.settlement.nmi import check_digit
from tests.fixtures.api import WAIT_S

PROGRESS_LINE = re.compile(r"  (\d+ %, )?([\d,]+ rows|waiting for a worker)")
EXAMPLES = Path(__file__).parents[2] / "examples"
DAILY_STATS = """
query ($park: String!) {
  listParkDailyStats(filter: {parkNames: [$park]}) {
    items { date minPowerMw maxPowerMw sumPowerMw meanPowerMw readingCount }
  }
}
"""


class ApiServer(Protocol):
    url: str
    api_key: str


def new_name() -> str:
    return f"VPP {uuid4()}"


def new_nmi() -> str:
    return f"{uuid4().int % 10**10:010}"


async def run(script: str, api_server: ApiServer, folder: Path) -> str:
    """
    Run a script with files from a folder, write its report into the same folder, and return its output.

    Progress lines are left out, since their number depends on the speed of the machine.
    """
    output = Console(file=StringIO(), width=100, force_terminal=False)
    await run_script(
        script.splitlines(),
        url=f"{api_server.url}/graphql",
        api_key=api_server.api_key,
        folder=folder,
        output=output,
        report_path=folder / "vpp_report.json",
    )
    assert isinstance(output.file, StringIO)
    return "".join(line for line in output.file.getvalue().splitlines(True) if not PROGRESS_LINE.match(line))


async def execute(api_server: ApiServer, document: str, **variables: object) -> Any:
    async with httpx.AsyncClient(timeout=WAIT_S) as http:
        return await Client(f"{api_server.url}/graphql", api_server.api_key, http).execute(document, **variables)


def example_in(folder: Path, name: str, nmi: str) -> str:
    """Copy the example's files to a folder, with a VPP, site and park of their own, and return its script."""
    events = (EXAMPLES / "events_file.csv").read_text()
    (folder / "events_file.csv").write_text(events.replace("9876543210", nmi))
    parks = (EXAMPLES / "parks_file.csv").read_text()
    (folder / "parks_file.csv").write_text(parks.replace("Test Park One", f"Park {nmi}"))
    (folder / "readings_file.csv").write_bytes((EXAMPLES / "readings_file.csv").read_bytes())
    script = (EXAMPLES / "first_month.txt").read_text().replace("Test Park One", f"Park {nmi}")
    return script.replace("Test VPP One", name).replace("9876543210", nmi).replace("38764527113388", f"serial {nmi}")


# In kWh, c/kWh and AUD:
#   2 September     charged 6.0 at 8      -0.48     discharged 5.0 at 22      1.10
#   9 September     charged 4.5 at 10     -0.45     discharged 4.0 at 20.5    0.82
#   16 September    charged 5.0 at -2      0.10     discharged 4.5 at 10      0.45
#   23 September    charged 4.0 at 9      -0.36     discharged 3.8 at 15      0.57
#                                         -1.19                               2.94    in all 1.75
def test_revenue_of_the_example_events_is_as_calculated_by_hand() -> None:
    with (EXAMPLES / "events_file.csv").open() as file:
        events = list(csv.DictReader(file))

    earned_aud = {"CHARGE": Decimal(0), "DISCHARGE": Decimal(0)}
    for event in events:
        sign = -1 if event["EVENT_TYPE"] == "CHARGE" else 1
        earned_aud[event["EVENT_TYPE"]] += sign * Decimal(event["ENERGY"]) * Decimal(event["TARIFF"]) / 100

    assert earned_aud == {"CHARGE": Decimal("-1.19"), "DISCHARGE": Decimal("2.94")}
    # No discharge has a negative tariff.
    assert all(Decimal(event["TARIFF"]) >= 0 for event in events if event["EVENT_TYPE"] == "DISCHARGE")


async def test_example_script_writes_the_expected_report(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()

    printed = await run(example_in(tmp_path, name, nmi), api_server, tmp_path)

    report = json.loads((tmp_path / "vpp_report.json").read_text())
    site = report["sites"].pop(nmi)
    assert (report["vpp"], report["month"], report["sites"]) == (name, "2025-09", {})
    assert (
        report["totals"].items()
        >= {
            "total_revenue": 1.75,
            "vpp_ad_valorem_fee": 0.35,
            "vpp_cost_only": 0.0,
            "vpp_total_revenue": 1.75,
            "site_total_revenue_after_fees": 0.0,
        }.items()
    )
    assert (
        site.items()
        >= {
            "nmi": nmi,
            "address": "426 King St Newcastle West NSW 2302",
            "site_capacity_kwh": 13.5,
            "site_revenue_before_fees": 1.4,
            "site_daily_fee": 1.4,
            "site_revenue_after_fees": 0.0,
        }.items()
    )
    assert [line.rstrip() for line in printed.splitlines()] == [
        f"Created VPP {name}.",
        f"Created site {nmi} in {name}.",
        f"Added battery Tesla serial {nmi} at {nmi}.",
        "Imported events_file.csv: 8 rows read, 8 imported, 0 duplicated, 0 rejected.",
        "Imported parks_file.csv: 1 row read, 1 imported, 0 duplicated, 0 rejected.",
        "Imported readings_file.csv: 196 rows read, 196 imported, 0 duplicated, 0 rejected.",
        "",
        f"{name}, 2025-09, revision 1, in Australian dollars",
        "Total revenue                1.75",
        "Ad valorem fee, to the VPP   0.35",
        "Daily fees, to the VPP       1.40",
        "Cost-only, borne by the VPP  0.00",
        "VPP total                    1.75",
        "Site total, after fees       0.00",
        "",
        "NMI          Address                                kWh   Before fees   Daily fee   After fees",
        "──────────────────────────────────────────────────────────────────────────────────────────────",
        f"{nmi}   426 King St Newcastle West NSW 2302   13.5          1.40        1.40         0.00",
        "",
        f"Wrote {tmp_path}/vpp_report.json.",
    ]


async def test_script_can_be_run_again(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()
    script = example_in(tmp_path, name, nmi)
    await run(script, api_server, tmp_path)
    report = (tmp_path / "vpp_report.json").read_bytes()

    printed = await run(script, api_server, tmp_path)

    assert printed.splitlines()[:6] == [
        f"VPP {name} has these terms already.",
        f"Site {nmi} is in {name} already.",
        f"Battery Tesla serial {nmi} at {nmi} has this capacity already.",
        "events_file.csv was already imported.",
        "Imported parks_file.csv: 1 row read, 0 imported, 1 duplicated, 0 rejected.",
        "Imported readings_file.csv: 196 rows read, 0 imported, 196 duplicated, 0 rejected.",
    ]
    assert f"{name}, 2025-09, revision 1, in Australian dollars\n" in printed
    assert (tmp_path / "vpp_report.json").read_bytes() == report


def test_example_readings_cover_two_days_one_of_them_with_25_hours() -> None:
    with (EXAMPLES / "readings_file.csv").open() as file:
        readings = list(csv.DictReader(file))

    times = [reading["datetime"] for reading in readings]
    assert [sum(time.startswith(day) for time in times) for day in ("2020-10-24", "2020-10-25")] == [96, 100]
    assert len(readings) == 196
    # Daylight saving ended at 03:00, so the hour from 02:00 occurs twice.
    assert [time for time in times if times.count(time) == 2] == [
        f"2020-10-25 02:{minute}:00" for minute in ("00", "15", "30", "45") * 2
    ]


async def test_importing_the_example_readings_twice_counts_them_once(api_server: ApiServer, tmp_path: Path) -> None:
    nmi = new_nmi()
    script = example_in(tmp_path, new_name(), nmi)

    await run(script, api_server, tmp_path)
    first = await execute(api_server, DAILY_STATS, park=f"Park {nmi}")
    await run(script, api_server, tmp_path)
    second = await execute(api_server, DAILY_STATS, park=f"Park {nmi}")

    assert first["items"] == [
        {
            "date": "2020-10-24",
            "minPowerMw": -0.012,
            "maxPowerMw": 4.141,
            "sumPowerMw": 205.079,
            "meanPowerMw": pytest.approx(205.079 / 96, abs=1e-6),
            "readingCount": 96,
        },
        {
            "date": "2020-10-25",
            "minPowerMw": -0.012,
            "maxPowerMw": 7.293,
            "sumPowerMw": 434.489,
            "meanPowerMw": 4.34489,
            "readingCount": 100,
        },
    ]
    assert second == first


async def test_park_names_may_contain_commas(api_server: ApiServer, tmp_path: Path) -> None:
    lot = f"Lot {new_nmi()}"
    parks = f'park_name,timezone,energy_type\n"{lot}, North",Europe/Amsterdam,Solar\n{lot},Europe/Amsterdam,Solar\n'
    (tmp_path / "parks.csv").write_text(parks)
    (tmp_path / "readings.csv").write_text("datetime,MW\n2020-06-01 12:00:00,1.5\n2020-06-01 12:15:00,2.5\n")

    printed = await run(f"Import Parks: parks.csv\nImport Readings: {lot}, North, readings.csv", api_server, tmp_path)

    assert printed.splitlines() == [
        "Imported parks.csv: 2 rows read, 2 imported, 0 duplicated, 0 rejected.",
        "Imported readings.csv: 2 rows read, 2 imported, 0 duplicated, 0 rejected.",
    ]
    assert [
        [(day["date"], day["sumPowerMw"]) for day in (await execute(api_server, DAILY_STATS, park=name))["items"]]
        for name in (f"{lot}, North", lot)
    ] == [[("2020-06-01", 4.0)], []]


async def test_reading_in_the_hour_skipped_by_daylight_saving_is_rejected_with_its_line(
    api_server: ApiServer, tmp_path: Path
) -> None:
    park = f"Park {new_nmi()}"
    (tmp_path / "parks.csv").write_text(f"park_name,timezone,energy_type\n{park},Europe/Amsterdam,Wind\n")
    # Daylight saving began at 02:00, so the hour from 02:00 does not exist.
    times = ("01:45:00", "02:00:00", "03:00:00")
    (tmp_path / "readings.csv").write_text("\n".join(["datetime,MW", *(f"2020-03-29 {time},1" for time in times)]))

    printed = await run(f"Import Parks: parks.csv\nImport Readings: {park}, readings.csv", api_server, tmp_path)

    assert printed.splitlines()[1] == "Imported readings.csv: 3 rows read, 2 imported, 0 duplicated, 1 rejected."
    assert [line.split(": ")[0] for line in printed.splitlines()[2:]] == ["  line 3, datetime"]


FLEET = """
query ($nmi: String!) {
  getSiteByNmi(nmi: $nmi) {
    address
    memberships {
      vpp { name priceSchedules { revenuePercentage dailyFeeAud effectiveFrom } }
      effectiveFrom
      effectiveUntil
    }
    batteries { serial capacities { capacityKwh effectiveFrom effectiveUntil } }
  }
}
"""


async def run_month(api_server: ApiServer, folder: Path) -> tuple[str, str, str, str]:
    """Create two VPPs, and a site with a battery in the first one; return the VPPs' names, the NMI, and the script."""
    name, other, nmi = new_name(), new_name(), new_nmi()
    script = f"""
        Create VPP: {name}, 20, 0.30
        Create VPP: {other}, 20, 0.30
        Create Site: {name}, {nmi}, Unit [2], 426 King St
        Create Battery: {nmi}, Tesla, serial {nmi}, 13.5
    """
    await run(script, api_server, folder)
    return name, other, nmi, script


async def refusal(line: str, api_server: ApiServer, folder: Path) -> str:
    """Run a line that must be refused, and return the reason."""
    with pytest.raises(LineRefused) as refused:
        await run(line, api_server, folder)
    return refused.value.reason


async def test_other_values_change_for_all_time_if_the_line_says_so(api_server: ApiServer, tmp_path: Path) -> None:
    _, other, nmi, _ = await run_month(api_server, tmp_path)

    printed = await run(
        f"""
        Create VPP: {other}, 15, 0.25, for all time
        Create Site: {other}, {nmi}{check_digit(nmi)}, Unit [2], 428 King St, for all time
        Create Battery: {nmi}{check_digit(nmi)}, Tesla, serial {nmi}, 27, for all time
        Create Battery: {nmi}, Tesla, another {nmi}, 5
        """,
        api_server,
        tmp_path,
    )

    assert printed.splitlines() == [
        f"Changed the terms of VPP {other} for all time.",
        f"Moved site {nmi} to {other} for all time.",
        f"Changed the capacity of battery Tesla serial {nmi} at {nmi} for all time.",
        f"Added battery Tesla another {nmi} at {nmi}.",
    ]
    always = {"effectiveFrom": None, "effectiveUntil": None}
    assert await execute(api_server, FLEET, nmi=nmi) == {
        "address": "Unit [2], 428 King St",
        "memberships": [
            {
                "vpp": {
                    "name": other,
                    "priceSchedules": [{"revenuePercentage": 15, "dailyFeeAud": 0.25, "effectiveFrom": None}],
                },
                **always,
            }
        ],
        "batteries": [
            {"serial": f"another {nmi}", "capacities": [{"capacityKwh": 5, **always}]},
            {"serial": f"serial {nmi}", "capacities": [{"capacityKwh": 27, **always}]},
        ],
    }


async def test_other_values_without_a_day_are_refused_and_change_nothing(api_server: ApiServer, tmp_path: Path) -> None:
    name, other, nmi, _ = await run_month(api_server, tmp_path)
    before = await execute(api_server, FLEET, nmi=nmi)

    reasons = [
        await refusal(line, api_server, tmp_path)
        for line in (
            f"Create VPP: {name}, 30, 0.30",
            f"Create Site: {other}, {nmi}, Unit [2], 426 King St",
            f"Create Site: {name}, {nmi}, 428 King St",
            f"Create Battery: {nmi}, Tesla, serial {nmi}, 27",
        )
    ]

    how = (
        'End the line with "from YYYY-MM-DD" to change them from a day on, or with "for all time" to change all days,'
        " those of settled months included."
    )
    assert reasons == [
        f"The VPP {name} has other values: 20 % and 0.3 AUD a day. {how}",
        f"The site {nmi} has other values: {name}. {how}",
        f"The site {nmi} has the address 'Unit [2], 426 King St'. An address applies to all days: end the line with"
        ' "for all time" to change it.',
        f"The battery Tesla serial {nmi} at {nmi} has other values: 13.5 kWh. {how}",
    ]
    assert await execute(api_server, FLEET, nmi=nmi) == before


async def test_script_run_again_leaves_later_changes_as_they_are(api_server: ApiServer, tmp_path: Path) -> None:
    name, other, nmi, script = await run_month(api_server, tmp_path)
    changes = f"""
        Create VPP: {name}, 50, 0, from 2025-09-15
        Create Site: {other}, {nmi}, Unit [2], 426 King St, from 2025-09-15
        Create Battery: {nmi}, Tesla, serial {nmi}, 27, from 2025-09-15
    """

    changed = await run(changes, api_server, tmp_path)
    after = await execute(api_server, FLEET, nmi=nmi)
    again = await run(script + changes, api_server, tmp_path)

    assert changed.splitlines() == [
        f"Changed the terms of VPP {name} from 2025-09-15.",
        f"Moved site {nmi} to {other} from 2025-09-15.",
        f"Changed the capacity of battery Tesla serial {nmi} at {nmi} from 2025-09-15.",
    ]
    assert [len(after["memberships"]), len(after["batteries"][0]["capacities"])] == [2, 2]
    unchanged = [
        f"VPP {name} has these terms already.",
        f"VPP {other} has these terms already.",
        f"Site {nmi} is in {name} already.",
        f"Battery Tesla serial {nmi} at {nmi} has this capacity already.",
        f"VPP {name} has these terms already.",
        f"Site {nmi} is in {other} already.",
        f"Battery Tesla serial {nmi} at {nmi} has this capacity already.",
    ]
    assert again.splitlines() == unchanged
    assert await execute(api_server, FLEET, nmi=nmi) == after


async def test_a_line_does_not_replace_a_later_period(api_server: ApiServer, tmp_path: Path) -> None:
    name, _, nmi, _ = await run_month(api_server, tmp_path)
    await run(
        f"Create VPP: {name}, 50, 0, from 2025-09-15\nCreate Battery: {nmi}, Tesla, serial {nmi}, 27, from 2025-09-15",
        api_server,
        tmp_path,
    )
    before = await execute(api_server, FLEET, nmi=nmi)

    reasons = [
        await refusal(line, api_server, tmp_path)
        for line in (
            f"Create VPP: {name}, 55, 0, from 2025-09-15",
            f"Create VPP: {name}, 55, 0, from 2025-09-01",
            f"Create Battery: {nmi}, Tesla, serial {nmi}, 30, from 2025-09-14",
        )
    ]

    terms = "20 % and 0.3 AUD a day until 2025-09-14; 50 % and 0 AUD a day from 2025-09-15"
    capacities = "13.5 kWh until 2025-09-14; 27 kWh from 2025-09-15"

    def has(subject: str, periods: str, day: str) -> str:
        return (
            f"{subject} has other values: {periods}. A line does not replace a period that begins on {day} or later:"
            ' give a later day or "for all time", or change it in the console.'
        )

    assert reasons == [
        has(f"The VPP {name}", terms, "2025-09-15"),
        has(f"The VPP {name}", terms, "2025-09-01"),
        has(f"The battery Tesla serial {nmi} at {nmi}", capacities, "2025-09-14"),
    ]
    assert await execute(api_server, FLEET, nmi=nmi) == before


async def test_script_run_again_after_a_site_and_a_battery_have_left_changes_nothing(
    api_server: ApiServer, tmp_path: Path
) -> None:
    name, _, nmi, script = await run_month(api_server, tmp_path)
    site = await execute(
        api_server, "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { id batteries { id } } }", nmi=nmi
    )
    await execute(
        api_server,
        'mutation ($id: ID!) { removeBattery(input: {id: $id, effectiveFrom: "2025-09-20"}) { id } }',
        id=site["batteries"][0]["id"],
    )
    await execute(
        api_server,
        'mutation ($id: ID!) { unassignSite(input: {siteId: $id, effectiveFrom: "2025-09-20"}) { id } }',
        id=site["id"],
    )
    before = await execute(api_server, FLEET, nmi=nmi)

    again = await run(script, api_server, tmp_path)

    assert again.splitlines()[2:] == [
        f"Site {nmi} is in {name} already.",
        f"Battery Tesla serial {nmi} at {nmi} has this capacity already.",
    ]
    assert await execute(api_server, FLEET, nmi=nmi) == before


async def test_first_line_of_an_object_may_have_a_day(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()
    script = f"""
        Create VPP: {name}, 20, 0, from 2025-09-10
        Create Site: {name}, {nmi}, 426 King St, from 2025-09-10
        Create Battery: {nmi}, Tesla, serial {nmi}, 10, from 2025-09-10
    """

    printed = await run(script, api_server, tmp_path)
    fleet = await execute(api_server, FLEET, nmi=nmi)
    again = await run(script, api_server, tmp_path)

    assert printed.splitlines() == [
        f"Created VPP {name}. Its first terms apply to all days, earlier ones too.",
        f"Created site {nmi} in {name} from 2025-09-10.",
        f"Added battery Tesla serial {nmi} at {nmi} from 2025-09-10.",
    ]
    assert [membership["effectiveFrom"] for membership in fleet["memberships"]] == ["2025-09-10"]
    assert [capacity["effectiveFrom"] for capacity in fleet["batteries"][0]["capacities"]] == ["2025-09-10"]
    assert [line.split()[-1] for line in again.splitlines()] == ["already."] * 3
    assert await execute(api_server, FLEET, nmi=nmi) == fleet


async def test_removed_battery_is_installed_again_from_a_day(api_server: ApiServer, tmp_path: Path) -> None:
    _, _, nmi, _ = await run_month(api_server, tmp_path)
    site = await execute(api_server, "query ($nmi: String!) { getSiteByNmi(nmi: $nmi) { batteries { id } } }", nmi=nmi)
    await execute(
        api_server,
        'mutation ($id: ID!) { removeBattery(input: {id: $id, effectiveFrom: "2025-09-20"}) { id } }',
        id=site["batteries"][0]["id"],
    )
    line = f"Create Battery: {nmi}, Tesla, serial {nmi}, 15, from 2025-10-01"

    printed = await run(line, api_server, tmp_path)

    assert printed == f"Added battery Tesla serial {nmi} at {nmi} from 2025-10-01.\n"
    fleet = await execute(api_server, FLEET, nmi=nmi)
    assert fleet["batteries"] == [
        {
            "serial": f"serial {nmi}",
            "capacities": [{"capacityKwh": 15, "effectiveFrom": "2025-10-01", "effectiveUntil": None}],
        }
    ]


async def test_a_name_in_another_unicode_form_is_the_same_vpp(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = f"Caf\u00e9 {uuid4()}", new_nmi()
    decomposed = name.replace("\u00e9", "e\u0301")

    printed = await run(
        f"Create VPP: {name}, 20, 0\nCreate VPP: {decomposed}, 20, 0\nCreate Site: {decomposed}, {nmi}, 1 King St\n"
        f"Create Site: {name}, {nmi}, 1 King St",
        api_server,
        tmp_path,
    )

    assert [line.split()[-1] for line in printed.splitlines()[1::2]] == ["already."] * 2


async def test_lines_after_a_rejected_line_are_not_executed(api_server: ApiServer, tmp_path: Path) -> None:
    first, second, third = new_name(), new_name(), new_name()
    script = f"Create VPP: {first}, 20, 0\n2 Create VPP: {second}, 120, 0\nCreate VPP: {third}, 20, 0"

    with pytest.raises(LineRefused) as refused:
        await run(script, api_server, tmp_path)

    assert (refused.value.line_number, refused.value.line) == (2, f"2 Create VPP: {second}, 120, 0")
    assert str(refused.value).startswith(f"line 2: 2 Create VPP: {second}, 120, 0\n")
    found = [
        await execute(api_server, "query ($name: String!) { getVppByName(name: $name) { name } }", name=name)
        for name in (first, second, third)
    ]
    assert found == [{"name": first}, None, None]


async def test_no_line_of_a_script_with_an_invalid_line_is_executed(api_server: ApiServer, tmp_path: Path) -> None:
    name = new_name()

    for invalid_line in (
        "Create Sit: A, B, C",
        "Import Events: nowhere.csv",
        "Import Parks: nowhere.csv",
        "Import Readings: A, B, nowhere.csv",
    ):
        with pytest.raises(LineRefused) as refused:
            await run(f"Create VPP: {name}, 20, 0\n{invalid_line}", api_server, tmp_path)
        assert (refused.value.line_number, refused.value.line) == (2, invalid_line)

    assert refused.value.reason == f"There is no file {tmp_path}/nowhere.csv."
    assert await execute(api_server, "query ($name: String!) { getVppByName(name: $name) { id } }", name=name) is None


async def test_line_that_names_an_unknown_object_is_rejected(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()
    (tmp_path / "readings.csv").touch()

    for line, reason in [
        (f"Create Site: {name}, {nmi}, 426 King St", f"There is no VPP named {name!r}; create it on an earlier line."),
        (f"Create Report: {name}, 2025-09", f"There is no VPP named {name!r}; create it on an earlier line."),
        (
            f"Create Battery: {nmi}, Tesla, 38, 13.5",
            f"There is no site with the NMI {nmi}; create it on an earlier line.",
        ),
        (
            f"Import Readings: Park {nmi}, readings.csv",
            f"There is no park named 'Park {nmi}'; import it on an earlier line.",
        ),
    ]:
        with pytest.raises(LineRefused) as refused:
            await run(line, api_server, tmp_path)
        assert refused.value.reason == reason


async def test_rejected_rows_are_counted_and_the_first_ten_are_printed(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()
    rows = [f"{nmi},2025-09-01,CHARGE,five,10"] * 12 + [f"{nmi},2025-09-01,CHARGE,5,10"]
    (tmp_path / "events.csv").write_text("\n".join(["NMI,DATE,EVENT_TYPE,ENERGY,TARIFF", *rows]))
    script = f"Create VPP: {name}, 20, 0\nCreate Site: {name}, {nmi}, 426 King St\nImport Events: events.csv"

    printed = (await run(script, api_server, tmp_path)).splitlines()

    assert printed[2] == "Imported events.csv: 13 rows read, 1 imported, 0 duplicated, 12 rejected."
    assert [line.split(": ")[0] for line in printed[3:]] == [
        *(f"  line {number}, ENERGY" for number in range(2, 12)),
        "  and 2 more",
    ]


async def test_file_without_events_is_rejected(api_server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(f"park_name,timezone,energy_type\n{uuid4()},Europe/Amsterdam,SOLAR\n")

    with pytest.raises(LineRefused) as refused:
        await run("Import Events: events.csv", api_server, tmp_path)

    assert (refused.value.line_number, refused.value.line) == (1, "Import Events: events.csv")
    assert refused.value.reason


async def test_unknown_api_key_is_reported_at_the_first_line(api_server: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(LineRefused) as refused:
        await run_script(
            [f"Create VPP: {new_name()}, 20, 0"],
            url=f"{api_server.url}/graphql",
            api_key="da2-unknown",
            folder=tmp_path,
            output=Console(file=StringIO()),
        )

    assert refused.value.line_number == 1


async def test_reports_are_printed_without_settling_again(api_server: ApiServer, tmp_path: Path) -> None:
    name, nmi = new_name(), new_nmi()
    script = example_in(tmp_path, name, nmi)
    await run(script, api_server, tmp_path)
    await run(f"Create VPP: {name}, 30, 0.30, for all time", api_server, tmp_path)
    output = Console(file=StringIO(), width=100, force_terminal=False)

    await print_reports(
        [*script.splitlines()[:-1], f"Create Report: {name}, 2025-10", "Create Report: Nobody's, 2025-09"],
        url=f"{api_server.url}/graphql",
        api_key=api_server.api_key,
        output=output,
    )

    assert isinstance(output.file, StringIO)
    printed = output.file.getvalue()
    assert f"{name}, 2025-09, revision 1, in Australian dollars\n" in printed
    assert printed.splitlines()[-3:] == [
        "The data behind this report has changed since: settle the month again for a new revision.",
        f"There is no report for {name} in 2025-10.",
        "There is no report for Nobody's in 2025-09.",
    ]
