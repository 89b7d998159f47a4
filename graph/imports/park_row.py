"""The check of one row of a file of parks; it decides whether a row is accepted or rejected."""

from typing import NamedTuple

from db.engine.names import normalised
from db.parks import EnergyType, is_timezone
from graph.imports.csv.lines import Header
from graph.imports.csv.rejection import RejectionCode, missing_value, rejected_value

COLUMNS = ("park_name", "timezone", "energy_type")
MAX_NAME_CHARACTERS = 200


class ParkRow(NamedTuple):
    """The values of an accepted row."""

    name: str
    timezone: str
    energy_type: EnergyType


def check_row(line: bytes, header: Header) -> ParkRow:
    """Parse a line, without its line end. Raises RowRejected for the first invalid column, in the order of COLUMNS."""
    name, timezone, energy_type = header.read_fields(line)
    return ParkRow(_read_name(normalised(name)), _read_timezone(timezone), _read_energy_type(energy_type))


def _read_name(text: str) -> str:
    if not text:
        raise missing_value("park_name", f"a name of 1 to {MAX_NAME_CHARACTERS} characters")
    if len(text) > MAX_NAME_CHARACTERS:
        fault = f"has {len(text):,} characters"
        raise rejected_value(
            RejectionCode.OUT_OF_RANGE, "park_name", text, fault, f"1 to {MAX_NAME_CHARACTERS} characters"
        )
    if "\0" in text:
        raise rejected_value(RejectionCode.OUT_OF_RANGE, "park_name", text, "has a NUL character", "text without NUL")
    return text


def _read_timezone(text: str) -> str:
    if not is_timezone(text):
        expected = "a name of the IANA time zone database, such as Europe/Amsterdam"
        raise rejected_value(RejectionCode.UNKNOWN_TIMEZONE, "timezone", text, "is not a timezone", expected)
    return text


def _read_energy_type(text: str) -> EnergyType:
    # Only ASCII is converted: Unicode case conversion turns some other letters into ASCII, such as U+017F into S.
    try:
        return EnergyType(text.upper() if text.isascii() else text)
    except ValueError:
        fault, expected = "is not an energy type", "Solar or Wind"
        raise rejected_value(RejectionCode.UNKNOWN_ENERGY_TYPE, "energy_type", text, fault, expected) from None
