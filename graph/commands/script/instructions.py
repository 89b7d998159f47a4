"""The syntax of scripts: one instruction per line."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graph.settlement.month import Month
from graph.settlement.nmi import parse_nmi

COMMENT = re.compile(r"#|$")
# A line may start with a number, as in a list. The number is ignored.
LEADING_NUMBER = re.compile(r"^\d+[.)]?\s*", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


class LineRefused(Exception):
    """A line of a script is invalid or was rejected. Neither it nor a line after it was executed."""

    def __init__(self, line_number: int, line: str, reason: str) -> None:
        super().__init__(f"line {line_number}: {line}\n{reason}")
        self.line_number = line_number
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class CreateVpp:
    name: str
    revenue_percentage: float
    daily_fee_aud: float


@dataclass(frozen=True)
class CreateSite:
    vpp_name: str
    nmi: str
    address: str


@dataclass(frozen=True)
class CreateBattery:
    nmi: str
    manufacturer: str
    serial: str
    capacity_kwh: float


@dataclass(frozen=True)
class ImportEvents:
    file: str


@dataclass(frozen=True)
class ImportParks:
    file: str


@dataclass(frozen=True)
class ImportReadings:
    park_name: str
    file: str


@dataclass(frozen=True)
class CreateReport:
    vpp_name: str
    month: str


@dataclass(frozen=True)
class Exit:
    pass


Import = ImportEvents | ImportParks | ImportReadings
Instruction = CreateVpp | CreateSite | CreateBattery | Import | CreateReport

# The values of an instruction are the fields of its class, in order.
SYNTAX: dict[str, type[Instruction | Exit]] = {
    "Create VPP: NAME, PERCENT, DAILY_FEE": CreateVpp,
    "Create Site: VPP NAME, NMI, ADDRESS": CreateSite,
    "Create Battery: NMI, MANUFACTURER, SERIAL, CAPACITY_KWH": CreateBattery,
    "Import Events: FILE": ImportEvents,
    "Import Parks: FILE": ImportParks,
    "Import Readings: PARK NAME, FILE": ImportReadings,
    "Create Report: VPP NAME, YYYY-MM": CreateReport,
    "Exit": Exit,
}


@dataclass(frozen=True)
class Line:
    number: int
    text: str
    instruction: Instruction


def parse(lines: Iterable[str]) -> list[Line]:
    """
    Parse a whole script up to Exit, so that an error on the last line is found before the first line is executed.

    Raises LineRefused for the first invalid line.
    """
    script = []
    for line_number, line in enumerate(lines, start=1):
        # Some editors write a byte order mark at the start of a file.
        text = line.strip("\ufeff \t\r\n")
        if COMMENT.match(text):
            continue
        try:
            instruction = parse_instruction(text)
        except ValueError as error:
            raise LineRefused(line_number, text, str(error)) from error
        if isinstance(instruction, Exit):
            break
        script.append(Line(line_number, text, instruction))
    return script


def parse_instruction(text: str) -> Instruction | Exit:
    """
    Parse one line.

    Raises ValueError with the error and the expected syntax.
    """
    command, _, rest = LEADING_NUMBER.sub("", text).partition(":")
    command = " ".join(command.split())
    for syntax, instruction in SYNTAX.items():
        expected, _, names = syntax.partition(": ")
        if command.lower() == expected.lower():
            try:
                return instruction(*parse_values(rest, names.split(", ") if names else []))
            except ValueError as error:
                raise ValueError(f"{error}\nSyntax: {syntax}") from error
    raise ValueError(f"There is no command {command!r}.\nExpected one of:\n  " + "\n  ".join(SYNTAX))


def parse_values(rest: str, names: list[str]) -> list[Any]:
    """
    Parse the values after the colon.

    Raises ValueError if a value is missing, superfluous or malformed.
    """
    texts = [text.strip() for text in split_values(rest, names)] if rest.strip() else []
    if len(texts) != len(names):
        raise ValueError(f"Expected {len(names)} values separated by commas; found {len(texts)}.")

    values = []
    for name, text in zip(names, texts, strict=True):
        if not text:
            raise ValueError(f"{name} is empty.")
        try:
            values.append(PARSERS.get(name, str)(text))
        except ValueError as error:
            raise ValueError(f"{name} {text!r}: {error}") from error
    return values


def split_values(rest: str, names: list[str]) -> list[str]:
    """
    Split a line at its commas.

    A park's name may contain commas; so may an ADDRESS or FILE at the end of the other instructions.
    """
    max_splits = len(names) - 1
    if names[:1] == ["PARK NAME"]:
        return rest.rsplit(",", max_splits)
    return rest.split(",", max_splits if names[-1:] in (["ADDRESS"], ["FILE"]) else -1)


def parse_number(text: str) -> float:
    """
    Parse a plain decimal number.

    Raises ValueError for any other text, such as one with a per cent sign or a thousands separator.
    """
    if NUMBER.fullmatch(text) and isfinite(value := float(text)):
        return value
    raise ValueError("Expected a plain number, such as 13.5.")


def parse_month(text: str) -> str:
    """
    Parse a month written as YYYY-MM.

    Raises ValueError for any other text.
    """
    return str(Month.parse(text))


PARSERS: dict[str, Callable[[str], Any]] = {
    "PERCENT": parse_number,
    "DAILY_FEE": parse_number,
    "CAPACITY_KWH": parse_number,
    "NMI": parse_nmi,
    "YYYY-MM": parse_month,
}
