"""
Keyset pagination: `nextToken` holds a cursor, the values of the ordering columns in the last row of the page before.

Each page takes the same time, at any position in the list. If rows are added or removed before the
cursor, no other row is repeated or skipped.

A token also holds a checksum of its cursor and its list. The checksum detects mistakes: a token that was cut, or that
is sent with another list or filter. It is no protection, since anyone can compute it, and the processes of a server
share no key to sign with. A forged token cannot do harm: its values are checked against the types of their columns
before they reach Postgres, and the statement returns only rows in the caller's scope.
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

# The length of the checksum in hexadecimal digits: 64 bits.
CHECKSUM_LENGTH = 16


class LimitOutOfRange(ValidationFailed):
    """A limit is from 1 to 200, not {limit}."""

    field = ("limit",)


class WrongToken(ValidationFailed):
    """This nextToken does not belong to this list with this filter; start again without a nextToken."""

    field = ("nextToken",)


@dataclass(frozen=True, eq=False)
class Order:
    """
    The ordering columns of a list; their combined values are unique.

    A list is `grouped` if its statement filters by several values of the first column. Rows after a cursor are then
    read in two ranges, since in one range Postgres would scan the cursor's group from its first row.
    """

    columns: tuple[Column, ...]
    descending: bool = False
    grouped: bool = False

    @property
    def names(self) -> list[str]:
        return [str(column.key) for column in self.columns]

    def order_by(self, columns: Sequence[Column] | None = None) -> list[ColumnElement[Any]]:
        """Return the expressions of the ORDER BY clause, for these columns or for other columns in their place."""
        return [column.desc() if self.descending else column.asc() for column in columns or self.columns]

    def ranges_after(self, cursor: Sequence[Any]) -> Iterator[ColumnElement[bool]]:
        """Yield conditions for the rows after a cursor, one for each range, in the list's order."""
        if not self.grouped:
            yield self._after(self.columns, cursor)
            return
        yield and_(self.columns[0] == cursor[0], self._after(self.columns[1:], cursor[1:]))
        yield self._after(self.columns[:1], cursor[:1])

    def _after(self, columns: Sequence[Column], cursor: Sequence[Any]) -> ColumnElement[bool]:
        # The comparison of the first column is redundant, but with the row comparison alone Postgres does not always
        # start an index scan at the cursor.
        if self.descending:
            return and_(columns[0] <= cursor[0], tuple_(*columns) < tuple_(*cursor))
        return and_(columns[0] >= cursor[0], tuple_(*columns) > tuple_(*cursor))


@dataclass(frozen=True)
class Page:
    """The rows of a page, and the token of the next page; None on the last page."""

    rows: Sequence[AnyRow]
    next_token: str | None


@dataclass(frozen=True)
class PageRequest:
    """The page of a list that a caller requests: at most `limit` rows, after a cursor or from the list's start."""

    order: Order
    limit: int
    cursor: tuple[Any, ...] | None
    list_identity: str

    @property
    def ranges(self) -> Sequence[int | None]:
        """The values of `Projection.range_after_cursor` to read, one after the other; None for the list's start."""
        return (None,) if self.cursor is None else (0, 1) if self.order.grouped else (0,)

    @property
    def cursor_values(self) -> dict[str, object]:
        """The values of the cursor by the names of their bind parameters."""
        return {f"cursor_{n}": value for n, value in enumerate(self.cursor or ())}

    def page(self, rows: Sequence[AnyRow]) -> Page:
        """Return the page of these rows, which include one row of the next page if there is a next page."""
        if len(rows) <= self.limit:
            return Page(rows, None)
        last = rows[self.limit - 1]
        return Page(rows[: self.limit], self.token([getattr(last, name) for name in self.order.names]))

    def token(self, cursor: Sequence[Any]) -> str:
        """Return the nextToken for a cursor."""
        encoded = json.dumps([value if isinstance(value, int) else str(value) for value in cursor])
        return base64.urlsafe_b64encode(f"{_checksum(self.list_identity, encoded)}{encoded}".encode()).decode()


def page_request(
    limit: int | None, next_token: str | None, *, order: Order, list_identity: Sequence[object] = ()
) -> PageRequest:
    """
    Return the request for a page, from the arguments `limit` and `nextToken` of a list.

    `list_identity` is the list's field name, its parent object and its filter. Raises LimitOutOfRange and WrongToken.
    """
    limit, identity = page_limit(limit), " ".join(str(part) for part in list_identity)
    cursor = None if next_token is None else _decode_token(next_token, order, identity)
    return PageRequest(order, limit, cursor, identity)


def page_limit(limit: int | None) -> int:
    """Return the maximum number of rows of a page, from the argument `limit`. Raises LimitOutOfRange."""
    limit = DEFAULT_PAGE_LIMIT if limit is None else limit
    if not 1 <= limit <= MAX_PAGE_LIMIT:
        raise LimitOutOfRange(limit=limit)
    return limit


def _decode_token(token: str, order: Order, list_identity: str) -> tuple[Any, ...]:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        checksum, encoded = text[:CHECKSUM_LENGTH], text[CHECKSUM_LENGTH:]
        if checksum != _checksum(list_identity, encoded):
            raise WrongToken
        values = zip(order.columns, json.loads(encoded), strict=True)
        return tuple(_cursor_value(column, value) for column, value in values)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise WrongToken from None


def _checksum(list_identity: str, cursor: str) -> str:
    return hashlib.sha256(f"{list_identity} {cursor}".encode()).hexdigest()[:CHECKSUM_LENGTH]


def _cursor_value(column: Column, decoded: object) -> object:
    """Return a value of a token as its column's type. Raises ValueError or OverflowError if it does not fit."""
    sql_type = column.type
    if isinstance(sql_type, Integer):
        bits = 63 if isinstance(sql_type, BigInteger) else 31
        if type(decoded) is int and -(2**bits) <= decoded < 2**bits:
            return decoded
    elif isinstance(decoded, str):
        if isinstance(sql_type, Uuid):
            return UUID(decoded)
        if isinstance(sql_type, Date):
            return date.fromisoformat(decoded)
        if isinstance(sql_type, DateTime):
            instant = datetime.fromisoformat(decoded)
            # asyncpg converts an instant to UTC, in which the year must be from 1 to 9999, too.
            if instant.tzinfo is not None and instant.astimezone(UTC):
                return instant
        elif not find_unstorable_text({"": decoded}):
            return decoded
    raise ValueError(decoded)
