"""AppSync's scalars, parsed to and serialized from Python types, and conversions of ids and floats to exact values."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NewType
from uuid import UUID

import strawberry
from asyncpg.pgproto import pgproto
from strawberry.types.scalar import ScalarDefinition

from db.engine.refusals import ValidationFailed

AWSURL = NewType("AWSURL", str)
# A string that holds JSON.
AWSJSON = NewType("AWSJSON", str)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:Z|[+-]\d{2}:\d{2}(?::\d{2})?)?", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(\.\d{1,9})?(Z|[+-]\d{2}:\d{2}(?::\d{2})?)", re.ASCII
)


class MalformedId(ValidationFailed):
    """An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "{id}"."""


def parse_date(value: object) -> date:
    """Parse an AWSDate, `YYYY-MM-DD`. AppSync allows an offset after it, which is ignored. Raises ValueError."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise ValueError(f"AWSDate is a day written YYYY-MM-DD, not {value!r}.")


def parse_date_time(value: object) -> datetime:
    """
    Parse an AWSDateTime, `YYYY-MM-DDThh:mm[:ss[.f]]` and an offset. Raises ValueError.

    Digits below a microsecond are cut off.
    """
    if isinstance(value, str) and (match := _DATE_TIME.fullmatch(value)):
        instant, fraction, offset = match.groups()
        try:
            read = datetime.fromisoformat(f"{instant}{offset.replace('Z', '+00:00')}") + timedelta(
                microseconds=int(((fraction or ".0")[1:] + "000000")[:6])
            )
            # asyncpg converts it to UTC, in which the year must be from 1 to 9999, too.
            read.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return read
    raise ValueError(f"AWSDateTime is an instant written YYYY-MM-DDThh:mm:ss and Z or an offset, not {value!r}.")


def serialize_date_time(value: datetime) -> str:
    """Serialize an instant with its offset, to the millisecond. Instants from the database are in UTC."""
    text = value.isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def parse_id(value: str, *field: str) -> UUID:
    """Parse an ID as a UUID. `field` is its path for the error message. Raises MalformedId."""
    try:
        # asyncpg's parser takes a fiftieth of the time, but rejects the notations with braces and with "urn:uuid:".
        return pgproto.UUID(value)
    except ValueError:
        pass
    try:
        return UUID(value)
    except ValueError:
        raise MalformedId(id=value[:100], field=field) from None


def parse_optional_id(value: str | None, *field: str) -> UUID | None:
    return None if value is None else parse_id(value, *field)


def exact(value: float) -> Decimal:
    """Return the shortest decimal that rounds to the float, as a person would write it: 0.1 for the float 0.1."""
    return Decimal(repr(value))


def exact_or_none(value: float | None) -> Decimal | None:
    return None if value is None else exact(value)


SCALARS: Mapping[object, ScalarDefinition] = {
    date: strawberry.scalar(name="AWSDate", serialize=date.isoformat, parse_value=parse_date),
    datetime: strawberry.scalar(name="AWSDateTime", serialize=serialize_date_time, parse_value=parse_date_time),
    AWSURL: strawberry.scalar(name="AWSURL"),
    AWSJSON: strawberry.scalar(name="AWSJSON"),
}
