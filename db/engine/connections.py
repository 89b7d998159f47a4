"""
Connections that single statements are run on, handed out without a word to Postgres.

A pool that asks Postgres to reset a connection, or whether it is still there, takes as long for that as for a small
statement. Of these nothing is left behind to reset; that one was lost shows when it is used.
"""

from typing import Any

import asyncpg

from db.engine.seats import Seats


class Record(asyncpg.Record):
    """A row whose columns are also attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Connections:
    """So many connections at most; the one that was used last is used next, while Postgres still has it at hand."""

    def __init__(self, url: str, *, at_most: int, settings: dict[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._free: list[asyncpg.Connection[Record]] = []
        self._seats = Seats(at_most)

    def at_hand(self) -> "asyncpg.Connection[Record] | None":
        """Hand out a connection that is there; None where one has to be waited for."""
        if not self._free or not self._seats.take_now():
            return None
        connection = self._free.pop()
        if connection.is_closed():
            self._seats.give_back()
            return None
        return connection

    async def take(self) -> "asyncpg.Connection[Record]":
        """Hand out a connection, which is to be given back or thrown away."""
        await self._seats.take()
        try:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
            return await asyncpg.connect(self._url, server_settings=self._settings, record_class=Record)
        except BaseException:
            self._seats.give_back()
            raise

    def give_back(self, connection: "asyncpg.Connection[Record]") -> None:
        """Take back a connection on which all went well."""
        self._free.append(connection)
        self._seats.give_back()

    def throw_away(self, connection: "asyncpg.Connection[Record]") -> None:
        """Close a connection that may be in the middle of something."""
        connection.terminate()
        self._seats.give_back()

    async def close(self) -> None:
        while self._free:
            await self._free.pop().close()
