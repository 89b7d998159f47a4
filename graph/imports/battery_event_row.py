"""One row of a battery event file, checked exactly: what is good and what is not is decided here."""

from collections.abc import Container, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy.dialects.postgresql import Range

from graph.imports.csv.fields import read_millionths, read_settlement_date
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, RowRejected, missing_value, rejected_value, shown
from graph.settlement.nmi import MalformedNmi, parse_nmi

COLUMNS = ("NMI", "DATE", "EVENT_TYPE", "ENERGY", "TARIFF")
LOWEST_ENERGY, HIGHEST_ENERGY = 0, 1_000_000
LOWEST_TARIFF, HIGHEST_TARIFF = -1_000_000, 1_000_000


class BatteryEvent(NamedTuple):
    """What a good row says: energy in 10^-6 kWh, tariff in 10^-6 c/kWh with the sign of money earned."""

    nmi: str
    settlement_date: date
    is_discharge: bool
    energy: int
    tariff: int


def check_row(
    line: bytes,
    header: Header,
    nmis: Container[str],
    *,
    charge_tariff_earns: bool,
    member_days: Mapping[str, Sequence[Range[date]]],
) -> BatteryEvent:
    """
    Read a line, without its line end, as an event of a known site; RowRejected gives its first fault in column order.

    A site with member days is known on these alone.
    """
    nmi_text, date_text, event_type_text, energy_text, tariff_text = header.fields_of(line)

    nmi = _read_known_nmi(nmi_text, nmis)
    settlement_date = read_settlement_date("DATE", date_text)
    if nmi in member_days and not any(settlement_date in days for days in member_days[nmi]):
        fault, expected = f"is the NMI of no site of yours on {settlement_date}", "the NMI of a site on its member days"
        raise rejected_value(RejectionCode.UNKNOWN_NMI, "NMI", nmi_text, fault, expected)
    is_discharge = _read_event_type(event_type_text) == "DISCHARGE"
    energy = read_millionths("ENERGY", energy_text, "kWh", at_least=LOWEST_ENERGY, at_most=HIGHEST_ENERGY)
    tariff = read_millionths("TARIFF", tariff_text, "c/kWh", at_least=LOWEST_TARIFF, at_most=HIGHEST_TARIFF)

    earns = is_discharge or charge_tariff_earns
    return BatteryEvent(nmi, settlement_date, is_discharge, energy, tariff if earns else -tariff)


def _read_known_nmi(text: str, nmis: Container[str]) -> str:
    try:
        nmi = parse_nmi(text)
    except MalformedNmi as error:
        if not text:
            raise missing_value("NMI", "10 characters, or 11 with the check digit") from None
        raise RowRejected(RejectionCode.MALFORMED_NMI, "NMI", f"'{shown(text)}' is not an NMI: {error}") from None
    if nmi not in nmis:
        expected = "the NMI of a created site"
        raise rejected_value(RejectionCode.UNKNOWN_NMI, "NMI", text, "is the NMI of no site", expected)
    return nmi


def _read_event_type(text: str) -> str:
    # ASCII letters only, since other letters may turn into these when their case is changed.
    event_type = text.upper() if text.isascii() else text
    if event_type not in ("CHARGE", "DISCHARGE"):
        fault = "is not an event type"
        raise rejected_value(RejectionCode.UNKNOWN_EVENT_TYPE, "EVENT_TYPE", text, fault, "CHARGE or DISCHARGE")
    return event_type
