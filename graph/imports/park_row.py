"""One row of a file of parks, checked: what is good and what is not is decided here."""

from typing import NamedTuple

from db.parks import EnergyType, is_timezone
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, missing_value, rejected_value

COLUMNS = ("park_name", "timezone", "energy_type")
NAME_LIMIT = 200


class ParkRow(NamedTuple):
    """What a good row says."""

    name: str
    timezone: str
    energy_type: EnergyType


def check_row(line: bytes, header: Header) -> ParkRow:
    """Read a line, without its line end, as a park; RowRejected gives its first fault in column order."""
    name, timezone, energy_type = header.fields_of(line)
    return ParkRow(_read_name(name.strip()), _read_timezone(timezone), _read_energy_type(energy_type))


def _read_name(text: str) -> str:
    if not text:
        raise missing_value("park_name", f"a name of 1 to {NAME_LIMIT} characters")
    if len(text) > NAME_LIMIT:
        fault = f"has {len(text):,} characters"
        raise rejected_value(RejectionCode.OUT_OF_RANGE, "park_name", text, fault, f"1 to {NAME_LIMIT}")
    if "\0" in text:
        raise rejected_value(RejectionCode.OUT_OF_RANGE, "park_name", text, "holds a NUL", "a text without one")
    return text


def _read_timezone(text: str) -> str:
    if not is_timezone(text):
        expected = "a name of the IANA database, such as Europe/Amsterdam"
        raise rejected_value(RejectionCode.UNKNOWN_TIMEZONE, "timezone", text, "is no timezone", expected)
    return text


def _read_energy_type(text: str) -> EnergyType:
    # ASCII letters only, since other letters may turn into these when their case is changed.
    try:
        return EnergyType(text.upper() if text.isascii() else text)
    except ValueError:
        fault, expected = "is not an energy type", "Solar or Wind"
        raise rejected_value(RejectionCode.UNKNOWN_ENERGY_TYPE, "energy_type", text, fault, expected) from None
