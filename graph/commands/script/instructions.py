"""The lines a script is made of."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graph.settlement.month import Month
from graph.settlement.nmi import parse_nmi

COMMENT = re.compile(r"#|$")
# For people to read: it is not checked.
LEADING_NUMBER = re.compile(r"^\d+[.)]?\s*", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


class LineRefused(Exception):
    """A line of a script that was not carried out; nothing below it was either."""

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

# The parts of a form are the fields of its class, in order.
FORMS: dict[str, type[Instruction | Exit]] = {
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
    Read a whole script up to its Exit, so that a mistake on its last line is told before its first is carried out.

    Raises LineRefused at the first line that is no instruction.
    """
    script = []
    for line_number, line in enumerate(lines, start=1):
        # Some editors start a file with a byte order mark.
        text = line.strip("\ufeff \t\r\n")
        if COMMENT.match(text):
            continue
        try:
            instruction = parse_instruction(text)
        except ValueError as mistake:
            raise LineRefused(line_number, text, str(mistake)) from mistake
        if isinstance(instruction, Exit):
            break
        script.append(Line(line_number, text, instruction))
    return script


def parse_instruction(text: str) -> Instruction | Exit:
    """
    Read one line.

    Raises ValueError, saying what was wrong and what was expected.
    """
    command, _, rest = LEADING_NUMBER.sub("", text).partition(":")
    command = " ".join(command.split())
    for form, instruction in FORMS.items():
        expected, _, names = form.partition(": ")
        if command.lower() == expected.lower():
            try:
                return instruction(*parts(rest, names.split(", ") if names else []))
            except ValueError as mistake:
                raise ValueError(f"{mistake}\nIts form is: {form}") from mistake
    raise ValueError(f"There is no command {command!r}.\nExpected one of:\n  " + "\n  ".join(FORMS))


def parts(rest: str, names: list[str]) -> list[Any]:
    """
    Read what follows the colon as the parts that a form names.

    Raises ValueError for a part missing, too many or malformed.
    """
    texts = [text.strip() for text in cut(rest, names)] if rest.strip() else []
    if len(texts) != len(names):
        raise ValueError(f"Parts expected: {len(names)}; found: {len(texts)}.")

    values = []
    for name, text in zip(names, texts, strict=True):
        if not text:
            raise ValueError(f"{name} is empty.")
        try:
            values.append(READERS.get(name, str)(text))
        except ValueError as mistake:
            raise ValueError(f"{name} {text!r}: {mistake}") from mistake
    return values


def cut(rest: str, names: list[str]) -> list[str]:
    """
    Cut a line at its commas, but for those that a part may hold: a park's name, or else a last ADDRESS or FILE.
    """
    most = len(names) - 1
    if names[:1] == ["PARK NAME"]:
        return rest.rsplit(",", most)
    return rest.split(",", most if names[-1:] in (["ADDRESS"], ["FILE"]) else -1)


def number(text: str) -> float:
    """
    Read a plain decimal number.

    Raises ValueError for anything else, such as a per cent sign or a thousands separator.
    """
    if NUMBER.fullmatch(text) and isfinite(value := float(text)):
        return value
    raise ValueError("Expected a plain number, such as 13.5.")


def month(text: str) -> str:
    """
    Read a month written YYYY-MM.

    Raises ValueError for any other text.
    """
    return str(Month.parse(text))


READERS: dict[str, Callable[[str], Any]] = {
    "PERCENT": number,
    "DAILY_FEE": number,
    "CAPACITY_KWH": number,
    "NMI": parse_nmi,
    "YYYY-MM": month,
}
