from datetime import date, timedelta

import pytest

from graph.imports.battery_event_row import COLUMNS, BatteryEvent, check_row
from graph.imports.csv.fields import BARE_DAY
from graph.imports.csv.lines import Header, read_header
from graph.imports.csv.rejection import MAX_ROW_CHARACTERS, Rejection, RejectionCode, RowRejected

HEADER = read_header(b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF", COLUMNS)
NMIS = {"9876543210", "NAAAMYS582"}

GOOD = {"NMI": "9876543210", "DATE": "2025-09-01", "EVENT_TYPE": "DISCHARGE", "ENERGY": "5", "TARIFF": "35"}
EVENT = BatteryEvent(
    "9876543210",
    date(2025, 9, 1),
    BARE_DAY,
    is_discharge=True,
    energy_microkwh=5_000_000,
    tariff_microcents_per_kwh=35_000_000,
)


def row(**fields: str) -> bytes:
    return ",".join({**GOOD, **fields}.values()).encode()


def check(line: bytes, header: Header = HEADER, *, charge_tariff_earns: bool = False) -> BatteryEvent:
    return check_row(line, header, NMIS, charge_tariff_earns=charge_tariff_earns, member_days={})


def rejection(line: bytes) -> Rejection:
    with pytest.raises(RowRejected) as refusal:
        check(line)
    return Rejection.from_line(2, line, refusal.value)


@pytest.mark.parametrize(
    ("spelling", "stored"),
    [
        ("9876543210", "9876543210"),
        ("98765432107", "9876543210"),
        ("NAAAMYS5826", "NAAAMYS582"),
        ("\t9876543210 ", "9876543210"),
        ('"9876543210"', "9876543210"),
        ('="9876543210"', "9876543210"),
        ('"=""98765432107"""', "9876543210"),
        ("\u00a09876543210\u202f", "9876543210"),
        (' "\t98765432107 " ', "9876543210"),
    ],
)
def test_nmi_is_stored_as_ten_characters(spelling: str, stored: str) -> None:
    event = check(row(NMI=spelling))

    assert event == EVENT._replace(nmi=stored)


@pytest.mark.parametrize(
    ("spelling", "stored"),
    [
        ("2025-09-01", date(2025, 9, 1)),
        ('"2025-09-01"', date(2025, 9, 1)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2000-01-01", date(2000, 1, 1)),
        ("2099-12-31", date(2099, 12, 31)),
        # An instant without an offset is in NEM time.
        ("2025-09-01T00:00", date(2025, 9, 1)),
        ("2025-09-01 23:59:59.999999999", date(2025, 9, 1)),
        # NEM time is UTC+10: midnight in NEM time is 14:00 UTC.
        ("2025-08-31T13:59:59.999Z", date(2025, 8, 31)),
        ("2025-08-31T14:00Z", date(2025, 9, 1)),
        ("2025-08-31 14:00:00.5Z", date(2025, 9, 1)),
        ("2025-09-01T23:59:59+10:00", date(2025, 9, 1)),
        ("2025-09-02T00:59:59+11:00", date(2025, 9, 1)),
        ("2025-09-02T01:00:00+11:00", date(2025, 9, 2)),
        ("2025-09-01T23:30:00+09:30", date(2025, 9, 2)),
        ("2025-08-31T03:59:59-10:00", date(2025, 8, 31)),
        ("2025-08-31T04:00:00-10:00", date(2025, 9, 1)),
        ("2024-02-28T14:00Z", date(2024, 2, 29)),
        ("1999-12-31T14:00Z", date(2000, 1, 1)),
        ("2100-01-01T00:59+11:00", date(2099, 12, 31)),
    ],
)
def test_instant_is_converted_to_its_date_in_nem_time_and_a_date_is_kept(spelling: str, stored: date) -> None:
    event = check(row(DATE=spelling))

    assert event == EVENT._replace(settlement_date=stored, time_ms=event.time_ms)
    assert (event.time_ms == BARE_DAY) == (":" not in spelling)


@pytest.mark.parametrize(
    ("spelling", "interval_start", "interval_end"),
    [
        ("2025-09-01", (1, None), (1, None)),
        ("2025-09-01T00:00", (1, "00:00:00.000"), (0, "24:00:00.000")),
        ("2025-09-01 00:00:00", (1, "00:00:00.000"), (0, "24:00:00.000")),
        ("2025-09-01T01:00:00+11:00", (1, "00:00:00.000"), (0, "24:00:00.000")),
        ("2025-09-01T00:00:00.25", (1, "00:00:00.250"), (1, "00:00:00.250")),
        ("2025-09-01T00:05", (1, "00:05:00.000"), (1, "00:05:00.000")),
        ("2025-09-01T22:30Z", (2, "08:30:00.000"), (2, "08:30:00.000")),
        ("2025-09-01T23:59:59.9999", (1, "23:59:59.999"), (1, "23:59:59.999")),
    ],
)
def test_time_of_day_is_kept_and_midnight_ends_the_day_before_if_intervals_end_then(
    spelling: str, interval_start: tuple[int, str | None], interval_end: tuple[int, str | None]
) -> None:
    for is_interval_end, (day, time) in enumerate((interval_start, interval_end)):
        event = check_row(
            row(DATE=spelling),
            HEADER,
            NMIS,
            charge_tariff_earns=False,
            member_days={},
            is_interval_end=bool(is_interval_end),
        )

        assert event.settlement_date == date(2025, 8, 31) + timedelta(days=day)
        assert event.time_ms == (BARE_DAY if time is None else milliseconds(time))


def milliseconds(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return round((int(hours) * 60 + int(minutes)) * 60_000 + float(seconds) * 1000)


@pytest.mark.parametrize(
    ("spelling", "is_discharge"),
    [
        ("DISCHARGE", True),
        ("discharge", True),
        (" Discharge ", True),
        ('"DISCHARGE"', True),
        ("CHARGE", False),
        ("charge", False),
        ("cHaRgE", False),
    ],
)
def test_event_type_is_read_in_any_case(spelling: str, is_discharge: bool) -> None:
    event = check(row(EVENT_TYPE=spelling))

    assert event.is_discharge is is_discharge


@pytest.mark.parametrize(
    ("spelling", "stored"),
    [
        ("5", 5_000_000),
        ("0", 0),
        ("-0", 0),
        ("-0.000000", 0),
        ("+1", 1_000_000),
        ("1.", 1_000_000),
        (".5", 500_000),
        ("+.5", 500_000),
        (" 1 ", 1_000_000),
        ('"1.5"', 1_500_000),
        ("0.000001", 1),
        ("12.345678", 12_345_678),
        ("1.100000", 1_100_000),
        ("5.50000000", 5_500_000),
        ("2.123456000000000000", 2_123_456),
        ("0.0000000", 0),
        ("5.0\u00a0", 5_000_000),
        ("\u202f5\u2007", 5_000_000),
        ('="1.5"', 1_500_000),
        ("000000000000000000000000000007.5", 7_500_000),
        ("1000000", 1_000_000_000_000),
        ("1000000.000000", 1_000_000_000_000),
        ("999999.999999", 999_999_999_999),
    ],
)
def test_energy_is_stored_as_an_integer_of_micro_kwh(spelling: str, stored: int) -> None:
    event = check(row(ENERGY=spelling))

    assert event == EVENT._replace(energy_microkwh=stored)


# The file's tariff, and the stored tariff for:  DISCHARGE    CHARGE (COST)    CHARGE (EARNING)
@pytest.mark.parametrize(
    ("spelling", "discharge", "charge", "earning_charge"),
    [
        ("35", 35_000_000, -35_000_000, 35_000_000),
        ("-20", -20_000_000, 20_000_000, -20_000_000),
        ("-.000001", -1, 1, -1),
        ("-0", 0, 0, 0),
        ("1000000", 1_000_000_000_000, -1_000_000_000_000, 1_000_000_000_000),
        ("-1000000", -1_000_000_000_000, 1_000_000_000_000, -1_000_000_000_000),
    ],
)
def test_tariff_is_stored_with_the_sign_of_money_earned(
    spelling: str, discharge: int, charge: int, earning_charge: int
) -> None:
    discharge_row, charge_row = row(TARIFF=spelling), row(TARIFF=spelling, EVENT_TYPE="CHARGE")

    assert check(discharge_row).tariff_microcents_per_kwh == discharge
    assert check(discharge_row, charge_tariff_earns=True).tariff_microcents_per_kwh == discharge
    assert check(charge_row).tariff_microcents_per_kwh == charge
    assert check(charge_row, charge_tariff_earns=True).tariff_microcents_per_kwh == earning_charge


NOT_A_NUMBER = "is not a decimal number; expected kWh as a decimal number, such as 12.345678."
HAS_COMMA = (
    "has a decimal comma or a thousands separator; expected kWh with a decimal point and no commas, such as 12.345678."
)
HAS_MINUS = (
    "has a typographic minus, U+{}, in place of the hyphen on the keyboard; expected kWh as a decimal number, such as"
    " 12.345678."
)
ROUNDED = (
    "is not an NMI: Excel has rounded it to scientific notation; expected 10 digits: format the column as text, and"
    " enter or export the NMIs again."
)
NOT_A_DATE = "is not a date; expected YYYY-MM-DD, or an instant such as 2025-09-01T18:30:00+10:00."
NOT_IN_2000S = "is out of range; expected a settlement date in the years 2000 to 2099."


@pytest.mark.parametrize(
    ("column", "spelling", "code", "message"),
    [
        ("NMI", "", "MISSING_VALUE", "NMI is empty; expected 10 characters, or 11 with the check digit."),
        ("NMI", '" "', "MISSING_VALUE", "NMI is empty; expected 10 characters, or 11 with the check digit."),
        (
            "NMI",
            "1111111111",
            "UNKNOWN_NMI",
            "'1111111111' is not the NMI of a site; expected the NMI of an existing site: create the site or correct"
            " the NMI.",
        ),
        (
            "DATE",
            "",
            "MISSING_VALUE",
            "DATE is empty; expected YYYY-MM-DD, or an instant such as 2025-09-01T18:30:00+10:00.",
        ),
        ("DATE", "01/09/2025", "MALFORMED_DATE", f"'01/09/2025' {NOT_A_DATE}"),
        ("DATE", "2025-9-1", "MALFORMED_DATE", f"'2025-9-1' {NOT_A_DATE}"),
        ("DATE", "20250901", "MALFORMED_DATE", f"'20250901' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T", "MALFORMED_DATE", f"'2025-09-01T' {NOT_A_DATE}"),
        ("DATE", "2025-09-01Z", "MALFORMED_DATE", f"'2025-09-01Z' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T24:00", "MALFORMED_DATE", f"'2025-09-01T24:00' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T10:60", "MALFORMED_DATE", f"'2025-09-01T10:60' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T10:00:60", "MALFORMED_DATE", f"'2025-09-01T10:00:60' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T10:00.5", "MALFORMED_DATE", f"'2025-09-01T10:00.5' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T10:00+1000", "MALFORMED_DATE", f"'2025-09-01T10:00+1000' {NOT_A_DATE}"),
        ("DATE", "2025-09-01T10:00+24:00", "MALFORMED_DATE", f"'2025-09-01T10:00+24:00' {NOT_A_DATE}"),
        ("DATE", "\uff12025-09-01", "MALFORMED_DATE", f"'\uff12025-09-01' {NOT_A_DATE}"),
        ("DATE", "2025\u200b-09-01", "MALFORMED_DATE", f"'2025\\u200b-09-01' {NOT_A_DATE}"),
        (
            "DATE",
            "2025\u201109\u201101",
            "MALFORMED_DATE",
            "'2025\u201109\u201101' has a typographic minus, U+2011, in place of the hyphen on the keyboard; expected"
            " YYYY-MM-DD, or an instant such as 2025-09-01T18:30:00+10:00.",
        ),
        (
            "DATE",
            "13/09/2025",
            "MALFORMED_DATE",
            "'13/09/2025' is not a date; expected YYYY-MM-DD: write 2025-09-13.",
        ),
        (
            "DATE",
            "13.9.2025 08:00",
            "MALFORMED_DATE",
            "'13.9.2025 08:00' is not a date; expected YYYY-MM-DD: write 2025-09-13.",
        ),
        ("DATE", "13/13/2025", "MALFORMED_DATE", f"'13/13/2025' {NOT_A_DATE}"),
        ("DATE", "12/13/2025", "MALFORMED_DATE", f"'12/13/2025' {NOT_A_DATE}"),
        (
            "NMI",
            "4.126E+09",
            "MALFORMED_NMI",
            f"'4.126E+09' {ROUNDED}",
        ),
        ("NMI", '"4,12600E+09"', "MALFORMED_NMI", f"'4,12600E+09' {ROUNDED}"),
        (
            "DATE",
            "2025-02-29",
            "MALFORMED_DATE",
            "'2025-02-29' is not a calendar date; expected a date that exists, such as 2025-09-30.",
        ),
        (
            "DATE",
            "2025-13-01",
            "MALFORMED_DATE",
            "'2025-13-01' is not a calendar date; expected a date that exists, such as 2025-09-30.",
        ),
        (
            "DATE",
            "0000-01-01",
            "MALFORMED_DATE",
            "'0000-01-01' is not a calendar date; expected a date that exists, such as 2025-09-30.",
        ),
        ("DATE", "1999-12-31", "OUT_OF_RANGE", f"'1999-12-31' {NOT_IN_2000S}"),
        ("DATE", "2100-01-01", "OUT_OF_RANGE", f"'2100-01-01' {NOT_IN_2000S}"),
        ("DATE", "2000-01-01T00:59+11:00", "OUT_OF_RANGE", f"'2000-01-01T00:59+11:00' {NOT_IN_2000S}"),
        ("DATE", "2099-12-31T14:00Z", "OUT_OF_RANGE", f"'2099-12-31T14:00Z' {NOT_IN_2000S}"),
        ("DATE", "9999-12-31T23:59Z", "OUT_OF_RANGE", f"'9999-12-31T23:59Z' {NOT_IN_2000S}"),
        ("DATE", "0001-01-01T00:00+23:59", "OUT_OF_RANGE", f"'0001-01-01T00:00+23:59' {NOT_IN_2000S}"),
        ("EVENT_TYPE", "", "MISSING_VALUE", "EVENT_TYPE is empty; expected CHARGE or DISCHARGE."),
        ("EVENT_TYPE", "EXPORT", "UNKNOWN_EVENT_TYPE", "'EXPORT' is not an event type; expected CHARGE or DISCHARGE."),
        # str.upper() would convert it to DISCHARGE.
        (
            "EVENT_TYPE",
            "di\u017fcharge",
            "UNKNOWN_EVENT_TYPE",
            "'di\u017fcharge' is not an event type; expected CHARGE or DISCHARGE.",
        ),
        ("ENERGY", "", "MISSING_VALUE", "ENERGY is empty; expected kWh as a decimal number, such as 12.345678."),
        ("ENERGY", "five", "MALFORMED_NUMBER", f"'five' {NOT_A_NUMBER}"),
        ("ENERGY", "1e3", "MALFORMED_NUMBER", f"'1e3' {NOT_A_NUMBER}"),
        ("ENERGY", ".", "MALFORMED_NUMBER", f"'.' {NOT_A_NUMBER}"),
        ("ENERGY", "-", "MALFORMED_NUMBER", f"'-' {NOT_A_NUMBER}"),
        ("ENERGY", "--1", "MALFORMED_NUMBER", f"'--1' {NOT_A_NUMBER}"),
        ("ENERGY", "- 1", "MALFORMED_NUMBER", f"'- 1' {NOT_A_NUMBER}"),
        ("ENERGY", "1.2.3", "MALFORMED_NUMBER", f"'1.2.3' {NOT_A_NUMBER}"),
        ("ENERGY", "1_000", "MALFORMED_NUMBER", f"'1_000' {NOT_A_NUMBER}"),
        ("ENERGY", '"1,000"', "MALFORMED_NUMBER", f"'1,000' {HAS_COMMA}"),
        ("ENERGY", "NaN", "MALFORMED_NUMBER", f"'NaN' {NOT_A_NUMBER}"),
        ("ENERGY", "\uff15", "MALFORMED_NUMBER", f"'\uff15' {NOT_A_NUMBER}"),
        ("ENERGY", '"0,5"', "MALFORMED_NUMBER", f"'0,5' {HAS_COMMA}"),
        ("ENERGY", '"-1.000,5"', "MALFORMED_NUMBER", f"'-1.000,5' {HAS_COMMA}"),
        ("ENERGY", '"5, or 6"', "MALFORMED_NUMBER", f"'5, or 6' {NOT_A_NUMBER}"),
        ("ENERGY", "\u22125", "MALFORMED_NUMBER", f"'\u22125' {HAS_MINUS.format('2212')}"),
        ("ENERGY", "\u20135", "MALFORMED_NUMBER", f"'\u20135' {HAS_MINUS.format('2013')}"),
        ("ENERGY", "5\r", "MALFORMED_NUMBER", f"'5\\r' {NOT_A_NUMBER}"),
        ("ENERGY", "5\0", "MALFORMED_NUMBER", f"'5\\x00' {NOT_A_NUMBER}"),
        ("ENERGY", "5\u00a0000", "MALFORMED_NUMBER", f"'5\\xa0000' {NOT_A_NUMBER}"),
        ("ENERGY", "5\u200b", "MALFORMED_NUMBER", f"'5\\u200b' {NOT_A_NUMBER}"),
        ("ENERGY", "=5", "MALFORMED_NUMBER", f"'=5' {NOT_A_NUMBER}"),
        ("ENERGY", "1.2345678", "MALFORMED_NUMBER", "'1.2345678' has 7 decimals; expected at most six decimals."),
        ("ENERGY", "1.234567080", "MALFORMED_NUMBER", "'1.234567080' has 8 decimals; expected at most six decimals."),
        ("ENERGY", "-0.000001", "OUT_OF_RANGE", "'-0.000001' is out of range; expected 0 to 1,000,000 kWh."),
        ("ENERGY", "1000000.000001", "OUT_OF_RANGE", "'1000000.000001' is out of range; expected 0 to 1,000,000 kWh."),
        ("ENERGY", "9" * 30, "OUT_OF_RANGE", f"'{'9' * 30}' is out of range; expected 0 to 1,000,000 kWh."),
        ("ENERGY", "9" * 5000, "OUT_OF_RANGE", f"'{'9' * 60}…' is out of range; expected 0 to 1,000,000 kWh."),
        ("TARIFF", "", "MISSING_VALUE", "TARIFF is empty; expected c/kWh as a decimal number, such as 12.345678."),
        (
            "TARIFF",
            "1000000.01",
            "OUT_OF_RANGE",
            "'1000000.01' is out of range; expected -1,000,000 to 1,000,000 c/kWh.",
        ),
        ("TARIFF", "-1000001", "OUT_OF_RANGE", "'-1000001' is out of range; expected -1,000,000 to 1,000,000 c/kWh."),
    ],
)
def test_invalid_field_is_rejected_with_the_reason(column: str, spelling: str, code: str, message: str) -> None:
    line = row(**{column: spelling})

    rejected = rejection(line)

    assert (rejected.code, rejected.column, rejected.message) == (code, column, message)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("987654321", "10 characters"),
        ("987654321000", "10 characters"),
        ("98765432101", "7"),
        ("987654321O", "Character 10 is 'O'"),
        ("naaamys582", "Character 1 is 'n'"),
        ("\uff19876543210", "Character 1"),
        ("9876 43210", "Character 5 is ' '"),
    ],
)
def test_malformed_nmi_is_rejected_with_the_message_of_parse_nmi(spelling: str, message: str) -> None:
    rejected = rejection(row(NMI=spelling))

    assert (rejected.code, rejected.column) == (RejectionCode.MALFORMED_NMI, "NMI")
    assert rejected.message.startswith(f"'{spelling}' is not an NMI: ")
    assert message in rejected.message


MISPLACED_QUOTE = (
    "Field {} has a missing or misplaced quote; expected a field without quotes, or enclosed in quotes on one line with"
    ' "" for a quote inside.'
)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b"9876543210", "WRONG_COLUMN_COUNT", "The row has 1 field; expected 5, as in the header."),
        (
            b"9876543210,2025-09-01,DISCHARGE,5",
            "WRONG_COLUMN_COUNT",
            "The row has 4 fields; expected 5, as in the header.",
        ),
        (row() + b",,x", "WRONG_COLUMN_COUNT", "The row has more than 5 fields; expected 5, as in the header."),
        (row() + b',"more"', "WRONG_COLUMN_COUNT", "The row has more than 5 fields; expected 5, as in the header."),
        (b'"' + row(), "WRONG_COLUMN_COUNT", MISPLACED_QUOTE.format(1)),
        (row() + b'"', "WRONG_COLUMN_COUNT", MISPLACED_QUOTE.format(5)),
        (row(DATE='"2025"-09-01'), "WRONG_COLUMN_COUNT", MISPLACED_QUOTE.format(2)),
        (row(ENERGY='5"5'), "WRONG_COLUMN_COUNT", MISPLACED_QUOTE.format(4)),
    ],
)
def test_invalid_line_is_rejected_before_its_fields_are_checked(line: bytes, code: str, message: str) -> None:
    rejected = rejection(line)

    assert (rejected.code, rejected.column, rejected.message) == (code, None, message)


def test_first_fault_in_column_order_is_reported_for_any_order_in_the_file() -> None:
    header = read_header(b"TARIFF,ENERGY,EVENT_TYPE,DATE,NMI", COLUMNS)

    with pytest.raises(RowRejected) as refusal:
        check(b"x,x,x,x,9876543210", header)

    assert (refusal.value.code, refusal.value.column) == (RejectionCode.MALFORMED_DATE, "DATE")


@pytest.mark.parametrize(("invalid", "shown"), [(b"\xff", "\\xff"), (b"\xed\xa0\x80", "\\xed\\xa0\\x80")])
def test_value_that_is_not_utf8_is_rejected(invalid: bytes, shown: str) -> None:
    rejected = rejection(row(TARIFF="") + invalid)

    assert (rejected.code, rejected.column) == (RejectionCode.NOT_UTF8, "TARIFF")
    assert rejected.message == (
        f"'{shown}' is not UTF-8; expected UTF-8: the file may be Windows-1252, so save it as \"CSV UTF-8\"."
    )


def test_other_columns_are_ignored() -> None:
    header = read_header(b"SITE NAME,NMI,DATE,EVENT_TYPE,ENERGY,TARIFF,", COLUMNS)

    event = check(b'"Caf\xc3\xa9 ""A"", Newcastle",9876543210,2025-09-01,DISCHARGE,5,35,\0', header)

    assert event == EVENT


def test_rejected_row_is_stored_unchanged_except_for_nul_and_invalid_utf8() -> None:
    rejected = rejection(b' x\0,"\xff" ')

    assert rejected.row == ' x\ufffd,"\ufffd" '


def test_long_rejected_row_is_truncated() -> None:
    rejected = rejection(b"x" * 1_000_000)

    assert rejected.row == "x" * MAX_ROW_CHARACTERS + "…"


def test_byte_order_mark_within_a_file_is_shown_escaped() -> None:
    rejected = rejection(row(DATE="\ufeff2025-09-01"))

    assert rejected.message == f"'\\ufeff2025-09-01' {NOT_A_DATE}"
