"""docs/api/errors.md lists every error of the API, and docs/api/imports.md every rejection."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from inspect import getdoc
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

import db
import graph
from db.engine.refusals import Conflict, LimitExceeded, NotFound, Refusal, ValidationFailed
from graph.auth.signatures import SignatureRefused
from graph.imports import battery_event_row, park_reading_row, park_row
from graph.imports.csv.lines import read_header
from graph.imports.csv.rejection import RejectionCode, RowRejected
from graph.operations.persisted import PersistedQueryRefusal
from graph.protocols.http import HttpRefusal
from graph.resolvers.errors import ERROR_TYPES
from tests.fixtures.markdown import ROOT, read_page, section

PAGE = "docs/api/errors.md"
ERRORS = read_page(PAGE)
REJECTED_ROWS = section(read_page("docs/api/imports.md"), "Rejected rows")

ErrorT = TypeVar("ErrorT")

# Bases that are never raised themselves.
BASES = (NotFound, Conflict, ValidationFailed, LimitExceeded, SignatureRefused, PersistedQueryRefusal)
# A message that consists of a single value, such as {reason}: the page describes it in words.
ONLY_A_VALUE = re.compile(r"\{\w+\}")
FORMAT_SPEC = re.compile(r"\{(\w+):\w+\}")
# Error types that are written where a response is made, and not in a class.
WRITTEN_ERROR_TYPE = re.compile(r'\brefused\(\d+, "(\w+)"|\bRefused\("(\w+)"|"errorType": "(\w+)"')

SITES = {"9876543210"}
HEADERS = {
    module: read_header(",".join(module.COLUMNS).encode(), module.COLUMNS)
    for module in (battery_event_row, park_row, park_reading_row)
}
# The rows of the page's table: code, example and message. The example of NOT_UTF8 cannot be written in UTF-8.
EXAMPLES = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+?) \| [^|]+ \|$", REJECTED_ROWS, re.MULTILINE)


def error_classes() -> list[type[Refusal] | type[HttpRefusal]]:
    """Return every class of db/ and graph/ whose message an API client can read."""
    for package in (db, graph):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    classes: list[type[Refusal] | type[HttpRefusal]] = [*subclasses(Refusal), *subclasses(HttpRefusal)]
    return [each for each in classes if each not in BASES and not ONLY_A_VALUE.fullmatch(message(each))]


def subclasses(base: type[ErrorT]) -> Iterator[type[ErrorT]]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def message(error: type) -> str:
    """Return the message of an error class as the page shows it: placeholders without format specifications."""
    return FORMAT_SPEC.sub(r"{\1}", getdoc(error) or "")


def check_row(row: str) -> RowRejected | None:
    """Check a row as a row of the import kind that has the same number of columns; return the rejection, if any."""
    line = row.encode()
    try:
        match row.count(","):
            case 1:
                zone = ZoneInfo("Australia/Sydney")
                park_reading_row.check_row(line, HEADERS[park_reading_row], zone)
            case 2:
                park_row.check_row(line, HEADERS[park_row])
            case _:
                header = HEADERS[battery_event_row]
                battery_event_row.check_row(line, header, SITES, charge_tariff_earns=False, member_days={})
    except RowRejected as rejection:
        return rejection
    return None


def test_page_lists_every_message() -> None:
    missing = [error for error in error_classes() if f"| {message(error)} |" not in ERRORS]

    rows = "\n".join(f"{error.__module__}.{error.__name__}: | {message(error)} |" for error in missing)
    assert not missing, f"{PAGE} lacks these messages; add a row to the table of their errorType:\n{rows}"


def test_page_lists_only_messages_of_the_code() -> None:
    """Every row with a placeholder is a message of a class."""
    messages = {message(error) for error in error_classes()}
    cells = {
        cell.strip() for row in re.findall(r"^\|.*\|$", ERRORS, re.MULTILINE) for cell in row.strip("|").split("|")
    }
    obsolete = {cell for cell in cells if re.search(r"\{\w+\}", cell)} - messages

    assert not obsolete, f"{PAGE} has messages that no class has any more; correct or remove these rows: {obsolete}"


def test_page_lists_every_error_type() -> None:
    error_types = {kind.__name__ for kind in ERROR_TYPES}
    error_types |= {error.error_type for error in subclasses(HttpRefusal)}
    error_types |= {error.error_type for error in subclasses(SignatureRefused)}
    for folder in ("protocols", "web", "resolvers"):
        for file in Path(ROOT, "graph", folder).glob("*.py"):
            found = WRITTEN_ERROR_TYPE.findall(file.read_text(encoding="utf-8"))
            error_types |= {name for names in found for name in names if name[:1].isupper()}
    missing = sorted(name for name in error_types if f"`{name}`" not in ERRORS)

    assert "UnauthorizedException" in error_types
    assert not missing, f"{PAGE} lacks the error types {', '.join(missing)}; add them to its tables."


def test_every_rejection_code_has_an_example() -> None:
    missing = [code for code in RejectionCode if f"| `{code}` |" not in REJECTED_ROWS]
    assert not missing, f"docs/api/imports.md lacks {', '.join(missing)} in the table of rejected rows; add an example."


@pytest.mark.parametrize(("code", "row", "shown_message"), EXAMPLES)
def test_example_is_rejected_as_shown(code: str, row: str, shown_message: str) -> None:
    rejection = check_row(row)

    assert rejection is not None
    assert (rejection.code, rejection.message) == (code, shown_message)


def test_examples_cover_all_codes_but_one() -> None:
    assert {code for code, _, _ in EXAMPLES} == set(RejectionCode) - {RejectionCode.NOT_UTF8}
