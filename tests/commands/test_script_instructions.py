import pytest

from graph.commands.script.instructions import (
    FORMS,
    CreateBattery,
    CreateReport,
    CreateSite,
    CreateVpp,
    ImportEvents,
    ImportParks,
    ImportReadings,
    Instruction,
    Line,
    LineRefused,
    parse,
)

COMMANDS = "\n  ".join(FORMS)


@pytest.mark.parametrize(
    ("text", "instruction"),
    [
        ("Create VPP: Test VPP One, 20, 0.30", CreateVpp("Test VPP One", 20.0, 0.3)),
        ("Create Site: Test VPP One, 9876543210, 426 King St", CreateSite("Test VPP One", "9876543210", "426 King St")),
        ("Create Battery: 9876543210, Tesla, 0038, 13.5", CreateBattery("9876543210", "Tesla", "0038", 13.5)),
        ("Import Events: events_file.csv", ImportEvents("events_file.csv")),
        ("Import Parks: parks_file.csv", ImportParks("parks_file.csv")),
        ("Import Readings: Test Park One, readings_file.csv", ImportReadings("Test Park One", "readings_file.csv")),
        ("Create Report: Test VPP One, 2025-09", CreateReport("Test VPP One", "2025-09")),
        # An address keeps its commas, and so does a file's name; a colon after the first is a part's own.
        ("Create Site: A, 9876543210, Unit 2, 4 King St, NSW", CreateSite("A", "9876543210", "Unit 2, 4 King St, NSW")),
        ("Import Events: C:/events, September.csv", ImportEvents("C:/events, September.csv")),
        ("Import Parks: C:/parks, 2020.csv", ImportParks("C:/parks, 2020.csv")),
        # Of two parts that may hold commas, the park's name keeps them: the file is what follows the last.
        ("Import Readings: Lot 1, 2, North, r.csv", ImportReadings("Lot 1, 2, North", "r.csv")),
        # A number may stand before the command, in the manner of a list.
        ("4 Import Events: e.csv", ImportEvents("e.csv")),
        ("4. Import Events: e.csv", ImportEvents("e.csv")),
        ("12) Import Events: e.csv", ImportEvents("e.csv")),
        # Case and blanks do not matter around a command and its parts.
        ("IMPORT EVENTS: e.csv", ImportEvents("e.csv")),
        ("  import   events :e.csv  ", ImportEvents("e.csv")),
        ("create vpp:A,20,.3", CreateVpp("A", 20.0, 0.3)),
        ("import PARKS:p.csv", ImportParks("p.csv")),
        ("6) import  readings : A ,r.csv", ImportReadings("A", "r.csv")),
        # The eleventh character of an NMI checks it, and is dropped.
        ("Create Site: A, 98765432107, B", CreateSite("A", "9876543210", "B")),
        ("Create Battery: 98765432107, B, C, 1", CreateBattery("9876543210", "B", "C", 1.0)),
        # A rule of the API is left to the API.
        ("Create VPP: A, 120, -1", CreateVpp("A", 120.0, -1.0)),
    ],
)
def test_a_line_becomes_an_instruction(text: str, instruction: Instruction) -> None:
    assert parse([text]) == [Line(1, text.strip(), instruction)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Create Sit: A, B, C", f"There is no command 'Create Sit'.\nExpected one of:\n  {COMMANDS}"),
        ("Import Events e.csv", f"There is no command 'Import Events e.csv'.\nExpected one of:\n  {COMMANDS}"),
        ("4", f"There is no command ''.\nExpected one of:\n  {COMMANDS}"),
        (
            "Create VPP: A, 20",
            "Parts expected: 3; found: 2.\nIts form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            "Create VPP: A, B, 20, 0.30",
            "Parts expected: 3; found: 4.\nIts form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            "Create VPP",
            "Parts expected: 3; found: 0.\nIts form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            "Create Site: A, 9876543210",
            "Parts expected: 3; found: 2.\nIts form is: Create Site: VPP NAME, NMI, ADDRESS",
        ),
        (
            "Create Battery: 9876543210, , 38, 13.5",
            "MANUFACTURER is empty.\nIts form is: Create Battery: NMI, MANUFACTURER, SERIAL, CAPACITY_KWH",
        ),
        ("Import Events:", "Parts expected: 1; found: 0.\nIts form is: Import Events: FILE"),
        ("Import Parks:", "Parts expected: 1; found: 0.\nIts form is: Import Parks: FILE"),
        (
            "Import Readings: r.csv",
            "Parts expected: 2; found: 1.\nIts form is: Import Readings: PARK NAME, FILE",
        ),
        ("Import Readings: , r.csv", "PARK NAME is empty.\nIts form is: Import Readings: PARK NAME, FILE"),
        ("Import Readings: A, B,", "FILE is empty.\nIts form is: Import Readings: PARK NAME, FILE"),
        ("Exit: now", "Parts expected: 0; found: 1.\nIts form is: Exit"),
        (
            "Create VPP: A, 20%, 0",
            "PERCENT '20%': Expected a plain number, such as 13.5.\nIts form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            "Create VPP: A, 20, nan",
            "DAILY_FEE 'nan': Expected a plain number, such as 13.5.\n"
            "Its form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            f"Create VPP: A, 20, {'9' * 400}",
            f"DAILY_FEE '{'9' * 400}': Expected a plain number, such as 13.5.\n"
            "Its form is: Create VPP: NAME, PERCENT, DAILY_FEE",
        ),
        (
            "Create Site: A, 98765432101, B",
            "NMI '98765432101': The check digit of 9876543210 is 7, not 1.\n"
            "Its form is: Create Site: VPP NAME, NMI, ADDRESS",
        ),
        (
            "Create Report: A, 2025-13",
            "YYYY-MM '2025-13': Expected a month written YYYY-MM, such as 2025-09, from 1900-01 to 9998-12.\n"
            "Its form is: Create Report: VPP NAME, YYYY-MM",
        ),
    ],
)
def test_a_line_that_is_no_instruction_is_refused_with_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(LineRefused) as refused:
        parse([text])

    assert refused.value.reason == reason
    assert str(refused.value) == f"line 1: {text}\n{reason}"


def test_blank_lines_and_comments_are_passed_over_and_counted() -> None:
    lines = ["\ufeff# September\n", "\n", "  # its events\n", "Import Events: #1.csv\r\n"]

    assert parse(lines) == [Line(4, "Import Events: #1.csv", ImportEvents("#1.csv"))]


@pytest.mark.parametrize("exit", ["Exit", "6 EXIT", "exit:"])
def test_nothing_is_read_after_exit(exit: str) -> None:
    assert parse(["Import Events: e.csv", exit, "Not a command"]) == [
        Line(1, "Import Events: e.csv", ImportEvents("e.csv"))
    ]


def test_the_first_of_two_mistakes_is_refused() -> None:
    with pytest.raises(LineRefused) as refused:
        parse(["Import Events: e.csv", "", "Import Event: e.csv", "Create VPP"])

    assert (refused.value.line_number, refused.value.line) == (3, "Import Event: e.csv")
