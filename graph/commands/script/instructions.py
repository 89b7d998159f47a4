"""The syntax of scripts: one instruction per line."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Any

from graph.settlement.month import Month
from graph.settlement.nmi import parse_nmi

COMMENT = re.compile(r"#|$")
# A line may start with a number, as in a list. The number is ignored.
LEADING_NUMBER = re.compile(r"^\d+[.)]?\s*", re.ASCII)
# The optional last field of an instruction that creates something, after the comma.
PERIOD = re.compile(r",\s*(?:from\s+(\d\S*)|for\s+all\s+time)\s*$", re.IGNORECASE | re.ASCII)
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


class LineRefused(Exception):
    """A line of a script is invalid or was rejected. Neither it nor a line after it was executed."""

    def __init__(self, line_number: int, line: str, reason: str) -> None:
        super().__init__(f"line {line_number}: {line}\n{reason}")
        self.line_number = line_number
        self.line = line
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Create:
    """An instruction whose values apply in a period. `effective_from` is a day, written YYYY-MM-DD."""

    effective_from: str | None = None
    for_all_time: bool = False


@dataclass(frozen=True)
class CreateVpp(Create):
    name: str
    revenue_percentage: float
    daily_fee_aud: float


@dataclass(frozen=True)
class CreateSite(Create):
    vpp_name: str
    nmi: str
    address: str


@dataclass(frozen=True)
class CreateBattery(Create):
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

# The values of an instruction are the fields of its class, in order. A part in square brackets is optional.
SYNTAX: dict[str, type[Instruction | Exit]] = {
    "Create VPP: NAME, PERCENT, DAILY_FEE[, from YYYY-MM-DD | for all time]": CreateVpp,
    "Create Site: VPP NAME, NMI, ADDRESS[, from YYYY-MM-DD | for all time]": CreateSite,
    "Create Battery: NMI, MANUFACTURER, SERIAL, CAPACITY_KWH[, from YYYY-MM-DD | for all time]": CreateBattery,
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
        expected, _, names = syntax.partition("[")[0].partition(": ")
        if command.lower() == expected.lower():
            try:
                period = PERIOD.search(rest) if issubclass(instruction, Create) else None
                values = rest[: period.start()] if period else rest
                parsed = instruction(*parse_values(values, names.split(", ") if names else []))
                return with_period(parsed, day=period[1]) if period and isinstance(parsed, Create) else parsed
            except ValueError as error:
                raise ValueError(f"{error}\nSyntax: {syntax}") from error
    raise ValueError(f"There is no command {command!r}.\nExpected one of:\n  " + "\n  ".join(SYNTAX))


def with_period(instruction: Create, *, day: str | None) -> Instruction:
    """
    Return an instruction that applies from a day on, or for all time if the day is None.

    Raises ValueError if the day is malformed.
    """
    created: Any = instruction
    if day is None:
        return replace(created, for_all_time=True)  # type: ignore[no-any-return]
    if not DAY.fullmatch(day):
        raise ValueError(f"from {day!r}: Expected a day written YYYY-MM-DD, such as 2025-09-15.")
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise ValueError(f"from {day!r}: There is no such day.") from error
    return replace(created, effective_from=day)  # type: ignore[no-any-return]


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
