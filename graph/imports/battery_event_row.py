"""The exact check of one row of a battery event file; it decides whether a row is accepted or rejected."""

import re
from collections.abc import Container, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy.dialects.postgresql import Range

from graph.imports.csv.fields import read_event_time, read_millionths
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, RowRejected, excerpt, missing_value, rejected_value
from graph.settlement.nmi import MalformedNmi, parse_nmi

COLUMNS = ("NMI", "DATE", "EVENT_TYPE", "ENERGY", "TARIFF")
MIN_ENERGY_KWH, MAX_ENERGY_KWH = 0, 1_000_000
MIN_TARIFF_CENTS_PER_KWH, MAX_TARIFF_CENTS_PER_KWH = -1_000_000, 1_000_000

SCIENTIFIC_NOTATION = re.compile(r"\d([.,]\d+)?[eE][+-]?\d+", re.ASCII)


class BatteryEvent(NamedTuple):
    """The values of an accepted row; the tariff has the sign of money earned."""

    nmi: str
    settlement_date: date
    # Milliseconds of NEM time since the start of the settlement date; BARE_DAY if the row gives only a day.
    time_ms: int
    is_discharge: bool
    energy_microkwh: int
    tariff_microcents_per_kwh: int


def check_row(
    line: bytes,
    header: Header,
    nmis: Container[str],
    *,
    charge_tariff_earns: bool,
    member_days: Mapping[str, Sequence[Range[date]]],
    is_interval_end: bool = False,
) -> BatteryEvent:
    """
    Parse a line, without its line end, as an event of an existing site.

    A site that has an entry in `member_days` is accepted only on those days. Raises RowRejected for the first invalid
    column, in the order of COLUMNS.
    """
    nmi_text, date_text, event_type_text, energy_text, tariff_text = header.read_fields(line)

    nmi = _read_known_nmi(nmi_text, nmis)
    settlement_date, time_ms = read_event_time("DATE", date_text, is_interval_end=is_interval_end)
    if nmi in member_days and not any(settlement_date in days for days in member_days[nmi]):
        fault = f"is not the NMI of a site of your VPPs on {settlement_date}"
        expected = "the NMI of a site that was a member on that date"
        raise rejected_value(RejectionCode.UNKNOWN_NMI, "NMI", nmi_text, fault, expected)
    is_discharge = _read_event_type(event_type_text) == "DISCHARGE"
    energy_microkwh = read_millionths("ENERGY", energy_text, "kWh", minimum=MIN_ENERGY_KWH, maximum=MAX_ENERGY_KWH)
    file_tariff = read_millionths(
        "TARIFF", tariff_text, "c/kWh", minimum=MIN_TARIFF_CENTS_PER_KWH, maximum=MAX_TARIFF_CENTS_PER_KWH
    )

    # The tariff of a charge is a cost, unless the import declares it as money earned.
    earned_tariff = file_tariff if is_discharge or charge_tariff_earns else -file_tariff
    return BatteryEvent(nmi, settlement_date, time_ms, is_discharge, energy_microkwh, earned_tariff)


def _read_known_nmi(text: str, nmis: Container[str]) -> str:
    try:
        nmi = parse_nmi(text)
    except MalformedNmi as error:
        if not text:
            raise missing_value("NMI", "10 characters, or 11 with the check digit") from None
        if SCIENTIFIC_NOTATION.fullmatch(text):
            fault = "is not an NMI: Excel has rounded it to scientific notation"
            expected = "10 digits: format the column as text, and enter or export the NMIs again"
            raise rejected_value(RejectionCode.MALFORMED_NMI, "NMI", text, fault, expected) from None
        raise RowRejected(RejectionCode.MALFORMED_NMI, "NMI", f"'{excerpt(text)}' is not an NMI: {error}") from None
    if nmi not in nmis:
        expected = "the NMI of an existing site: create the site or correct the NMI"
        raise rejected_value(RejectionCode.UNKNOWN_NMI, "NMI", text, "is not the NMI of a site", expected)
    return nmi


def _read_event_type(text: str) -> str:
    # Only ASCII is converted: Unicode case conversion turns some other letters into ASCII, such as U+017F into S.
    event_type = text.upper() if text.isascii() else text
    if event_type not in ("CHARGE", "DISCHARGE"):
        fault = "is not an event type"
        raise rejected_value(RejectionCode.UNKNOWN_EVENT_TYPE, "EVENT_TYPE", text, fault, "CHARGE or DISCHARGE")
    return event_type
