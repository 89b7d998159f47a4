import pytest

from graph.commands.script.instructions import (
    SYNTAX,
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

PERIOD = "[, from YYYY-MM-DD | for all time]"
COMMANDS = "\n  ".join(SYNTAX)


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
        # An address and a file name may contain commas. Only the first colon separates the command.
        ("Create Site: A, 9876543210, Unit 2, 4 King St, NSW", CreateSite("A", "9876543210", "Unit 2, 4 King St, NSW")),
        ("Import Events: C:/events, September.csv", ImportEvents("C:/events, September.csv")),
        ("Import Parks: C:/parks, 2020.csv", ImportParks("C:/parks, 2020.csv")),
        # A park's name may contain commas; the file is the text after the last comma.
        ("Import Readings: Lot 1, 2, North, r.csv", ImportReadings("Lot 1, 2, North", "r.csv")),
        # A number may precede the command, as in a list.
        ("4 Import Events: e.csv", ImportEvents("e.csv")),
        ("4. Import Events: e.csv", ImportEvents("e.csv")),
        ("12) Import Events: e.csv", ImportEvents("e.csv")),
        # Case does not matter in a command, nor spaces around the command and its values.
        ("IMPORT EVENTS: e.csv", ImportEvents("e.csv")),
        ("  import   events :e.csv  ", ImportEvents("e.csv")),
        ("create vpp:A,20,.3", CreateVpp("A", 20.0, 0.3)),
        ("import PARKS:p.csv", ImportParks("p.csv")),
        ("6) import  readings : A ,r.csv", ImportReadings("A", "r.csv")),
        # The eleventh character of an NMI is its check digit, which is checked and removed.
        ("Create Site: A, 98765432107, B", CreateSite("A", "9876543210", "B")),
        ("Create Battery: 98765432107, B, C, 1", CreateBattery("9876543210", "B", "C", 1.0)),
        # The optional last field of a create says when it applies.
        ("Create VPP: A, 20, 0, from 2025-09-15", CreateVpp("A", 20.0, 0.0, effective_from="2025-09-15")),
        ("Create VPP: A, 20, 0, FOR  all time ", CreateVpp("A", 20.0, 0.0, for_all_time=True)),
        (
            "Create Site: A, 9876543210, Unit 2, 4 King St,From 2025-09-15",
            CreateSite("A", "9876543210", "Unit 2, 4 King St", effective_from="2025-09-15"),
        ),
        (
            "Create Site: A, 9876543210, Unit 2, from King St",
            CreateSite("A", "9876543210", "Unit 2, from King St"),
        ),
        (
            "Create Battery: 9876543210, Tesla, 0038, 13.5, from 2024-02-29",
            CreateBattery("9876543210", "Tesla", "0038", 13.5, effective_from="2024-02-29"),
        ),
        ("Import Events: events, from 2025.csv", ImportEvents("events, from 2025.csv")),
        # Ranges are checked by the API alone.
        ("Create VPP: A, 120, -1", CreateVpp("A", 120.0, -1.0)),
    ],
)
def test_line_is_parsed_into_an_instruction(text: str, instruction: Instruction) -> None:
    assert parse([text]) == [Line(1, text.strip(), instruction)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Create Sit: A, B, C", f"There is no command 'Create Sit'.\nExpected one of:\n  {COMMANDS}"),
        ("Import Events e.csv", f"There is no command 'Import Events e.csv'.\nExpected one of:\n  {COMMANDS}"),
        ("4", f"There is no command ''.\nExpected one of:\n  {COMMANDS}"),
        (
            "Create VPP: A, 20",
            "Expected 3 values separated by commas; found 2.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE" + PERIOD,
        ),
        (
            "Create VPP: A, B, 20, 0.30",
            "Expected 3 values separated by commas; found 4.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE" + PERIOD,
        ),
        (
            "Create VPP",
            "Expected 3 values separated by commas; found 0.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE" + PERIOD,
        ),
        (
            "Create Site: A, 9876543210",
            "Expected 3 values separated by commas; found 2.\nSyntax: Create Site: VPP NAME, NMI, ADDRESS" + PERIOD,
        ),
        (
            "Create Battery: 9876543210, , 38, 13.5",
            "MANUFACTURER is empty.\nSyntax: Create Battery: NMI, MANUFACTURER, SERIAL, CAPACITY_KWH" + PERIOD,
        ),
        ("Import Events:", "Expected 1 values separated by commas; found 0.\nSyntax: Import Events: FILE"),
        ("Import Parks:", "Expected 1 values separated by commas; found 0.\nSyntax: Import Parks: FILE"),
        (
            "Import Readings: r.csv",
            "Expected 2 values separated by commas; found 1.\nSyntax: Import Readings: PARK NAME, FILE",
        ),
        ("Import Readings: , r.csv", "PARK NAME is empty.\nSyntax: Import Readings: PARK NAME, FILE"),
        ("Import Readings: A, B,", "FILE is empty.\nSyntax: Import Readings: PARK NAME, FILE"),
        ("Exit: now", "Expected 0 values separated by commas; found 1.\nSyntax: Exit"),
        (
            "Create VPP: A, 20%, 0",
            "PERCENT '20%': Expected a plain number, such as 13.5.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE"
            + PERIOD,
        ),
        (
            "Create VPP: A, 20, nan",
            "DAILY_FEE 'nan': Expected a plain number, such as 13.5.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE"
            + PERIOD,
        ),
        (
            f"Create VPP: A, 20, {'9' * 400}",
            f"DAILY_FEE '{'9' * 400}': Expected a plain number, such as 13.5.\n"
            f"Syntax: Create VPP: NAME, PERCENT, DAILY_FEE{PERIOD}",
        ),
        (
            "Create Site: A, 98765432101, B",
            "NMI '98765432101': The check digit of 9876543210 is 7, not 1.\n"
            f"Syntax: Create Site: VPP NAME, NMI, ADDRESS{PERIOD}",
        ),
        (
            "Create VPP: A, 20, 0, from 15/09/2025",
            "from '15/09/2025': Expected a day written YYYY-MM-DD, such as 2025-09-15.\n"
            f"Syntax: Create VPP: NAME, PERCENT, DAILY_FEE{PERIOD}",
        ),
        (
            "Create VPP: A, 20, 0, from 2025-02-29",
            f"from '2025-02-29': There is no such day.\nSyntax: Create VPP: NAME, PERCENT, DAILY_FEE{PERIOD}",
        ),
        (
            "Create Site: A, 9876543210, from 2025-09-15",
            f"Expected 3 values separated by commas; found 2.\nSyntax: Create Site: VPP NAME, NMI, ADDRESS{PERIOD}",
        ),
        (
            "Create Report: A, 2025-13",
            "YYYY-MM '2025-13': Expected a month written YYYY-MM, such as 2025-09, from 1900-01 to 9998-12.\n"
            "Syntax: Create Report: VPP NAME, YYYY-MM",
        ),
    ],
)
def test_invalid_line_is_rejected_with_the_expected_syntax(text: str, reason: str) -> None:
    with pytest.raises(LineRefused) as refused:
        parse([text])

    assert refused.value.reason == reason
    assert str(refused.value) == f"line 1: {text}\n{reason}"


def test_blank_lines_and_comments_are_skipped_but_counted_in_line_numbers() -> None:
    lines = ["\ufeff# September\n", "\n", "  # its events\n", "Import Events: #1.csv\r\n"]

    assert parse(lines) == [Line(4, "Import Events: #1.csv", ImportEvents("#1.csv"))]


@pytest.mark.parametrize("exit", ["Exit", "6 EXIT", "exit:"])
def test_lines_after_exit_are_not_parsed(exit: str) -> None:
    assert parse(["Import Events: e.csv", exit, "Not a command"]) == [
        Line(1, "Import Events: e.csv", ImportEvents("e.csv"))
    ]


def test_first_of_two_invalid_lines_is_reported() -> None:
    with pytest.raises(LineRefused) as refused:
        parse(["Import Events: e.csv", "", "Import Event: e.csv", "Create VPP"])

    assert (refused.value.line_number, refused.value.line) == (3, "Import Event: e.csv")
