"""
Pages of lists, each starting behind the last row of the one before.

A token holds that row's key, so that a page costs the same however far in it lies, and rows that come or go before it
neither repeat nor skip any.

A token also holds a checksum of its values and its list. The checksum detects mistakes: a token that was cut, or that
is sent with another list or filter. It is no protection, since anyone can compute it, and the processes of a server
share no key to sign with. A forged token cannot do harm: its values are checked against the types of their columns
before they reach Postgres, and the statement shows only rows in the caller's scope, whatever the token.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Date, DateTime, Integer, Uuid, and_, tuple_

from db.engine.database import AnyRow
from db.engine.refusals import ValidationFailed
from graph.operations.storable_text import find_unstorable_text
from graph.settings import DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT

# A column of a table or of a view.
Column: TypeAlias = Any

SEAL_LENGTH = 16


class LimitOutOfRange(ValidationFailed):
    """A limit is from 1 to 200, not {limit}."""

    field = ("limit",)


class WrongToken(ValidationFailed):
    """This nextToken was not given for this list; begin again without one."""

    field = ("nextToken",)


@dataclass(frozen=True, eq=False)
class Order:
    """
    The columns a list is ordered by; together they tell its rows apart.

    A list that is `grouped` is filtered by the first of them: Postgres would read a group from its start.
    """

    columns: tuple[Column, ...]
    descending: bool = False
    grouped: bool = False

    @property
    def names(self) -> list[str]:
        return [str(column.key) for column in self.columns]

    def by(self, columns: Sequence[Column] | None = None) -> list[ColumnElement[Any]]:
        return [column.desc() if self.descending else column.asc() for column in columns or self.columns]

    def behind(self, key: Sequence[Any]) -> ColumnElement[bool]:
        return self._behind(self.columns, key)

    def behind_in_parts(self, key: Sequence[Any]) -> Iterator[ColumnElement[bool]]:
        """Yield what is behind a key, in parts that follow one another."""
        if not self.grouped:
            yield self.behind(key)
            return
        yield and_(self.columns[0] == key[0], self._behind(self.columns[1:], key[1:]))
        yield self._behind(self.columns[:1], key[:1])

    def _behind(self, columns: Sequence[Column], key: Sequence[Any]) -> ColumnElement[bool]:
        last, here = tuple_(*key), tuple_(*columns)
        # Postgres compares rows, but does not always find by that where to start.
        if self.descending:
            return and_(columns[0] <= key[0], here < last)
        return and_(columns[0] >= key[0], here > last)


@dataclass(frozen=True)
class Page:
    """Rows of a list, and where the next ones start; None on the last page."""

    rows: Sequence[AnyRow]
    next_token: str | None


@dataclass(frozen=True)
class PageRequest:
    """Which page of a list is wanted: how many rows, and behind which one."""

    order: Order
    limit: int
    after: tuple[Any, ...] | None
    of: str

    @property
    def parts(self) -> Sequence[int | None]:
        """Which of the order's parts behind a row it is read from, one after the other; None for the list's start."""
        return (None,) if self.after is None else (0, 1) if self.order.grouped else (0,)

    @property
    def last(self) -> dict[str, object]:
        """The values of the row it is behind, by the names of their places."""
        return {f"last_{place}": value for place, value in enumerate(self.after or ())}

    def page(self, rows: Sequence[AnyRow]) -> Page:
        """Make a page of rows that may hold one more."""
        shown = rows[: self.limit]
        last = [getattr(shown[-1], name) for name in self.order.names] if len(rows) > self.limit else None
        return Page(shown, None if last is None else self.token(last))

    def token(self, values: Sequence[Any]) -> str:
        """Return what stands for the row that has these values in the columns of its order."""
        key = json.dumps([value if isinstance(value, int) else str(value) for value in values])
        return base64.urlsafe_b64encode(f"{_seal(self.of, key)}{key}".encode()).decode()


def page_request(limit: int | None, next_token: str | None, *, order: Order, of: Sequence[object] = ()) -> PageRequest:
    """Read which page is wanted `of` a list, which is known by its name and filter."""
    limit = page_limit(limit)
    named = " ".join(str(part) for part in of)
    return PageRequest(order, limit, _key(next_token, order, named) if next_token is not None else None, named)


def page_limit(limit: int | None) -> int:
    """Return how many rows a page has at most."""
    limit = DEFAULT_PAGE_LIMIT if limit is None else limit
    if not 1 <= limit <= MAX_PAGE_LIMIT:
        raise LimitOutOfRange(limit=limit)
    return limit


def _key(token: str, order: Order, of: str) -> tuple[Any, ...]:
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        seal, key = sealed[:SEAL_LENGTH], sealed[SEAL_LENGTH:]
        if seal != _seal(of, key):
            raise WrongToken
        return tuple(_value(column, value) for column, value in zip(order.columns, json.loads(key), strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise WrongToken from None


def _seal(of: str, key: str) -> str:
    return hashlib.sha256(f"{of} {key}".encode()).hexdigest()[:SEAL_LENGTH]


def _value(column: Column, written: object) -> object:
    """Return a value of a token as its column's type. Raises ValueError or OverflowError where Postgres would fail."""
    kind = column.type
    if isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        if type(written) is int and -(2**bits) <= written < 2**bits:
            return written
    elif isinstance(written, str):
        if isinstance(kind, Uuid):
            return UUID(written)
        if isinstance(kind, Date):
            return date.fromisoformat(written)
        if isinstance(kind, DateTime):
            instant = datetime.fromisoformat(written)
            # asyncpg converts it to UTC, in which the year must be from 1 to 9999, too.
            if instant.tzinfo is not None and instant.astimezone(UTC):
                return instant
        elif not find_unstorable_text({"": written}):
            return written
    raise ValueError(written)
