"""How the database is used: reads are statements; writes are transactions, or a statement that is a whole one."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from typing import Any, Self, TypeAlias

import asyncpg
from sqlalchemy import Executable, Row, Select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from db.engine.connections import ConnectionPool, Record
from db.engine.refusals import LimitExceeded
from db.engine.scope import UNRESTRICTED, Scope
from db.engine.statements import CompiledStatement

# A statement that reads columns. What a query reads is a function that returns one; `Database.rows` runs it.
ReadStatement: TypeAlias = Select[*tuple[Any, ...]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]] | Record

COPY_PIECE_BYTES = 2**19
# More would only wait for one another.
READ_POOL_SIZE = WRITE_POOL_SIZE = 10
QUERY_CANCELED = "57014"

# Whoever selects from it has a turn, as `take_turns` says.
ADVISORY_LOCK = "pg_advisory_xact_lock(hashtextextended(:lock_name, 0))"
TAKE_ADVISORY_LOCK = text(f"select from {ADVISORY_LOCK}")


class StatementTimeout(LimitExceeded):
    """The database stopped a statement after {seconds:g} seconds, its limit; try again, or request less at once."""


class ReadConnection:
    """Prepared reads, one after the other, on a connection that is held to a reach for as long as the block runs."""

    # A class, since one made by contextlib takes as long as a third of what a small read does.
    def __init__(self, connections: ConnectionPool, scope: Scope, statement_timeout_s: float | None) -> None:
        self._read_pool = connections
        self._scope = scope
        self._statement_timeout_s = statement_timeout_s

    async def __aenter__(self) -> Self:
        self._connection = await self._read_pool.acquire()
        # Where a statement does not come to its end, nobody knows what the connection is in the middle of.
        self._is_idle = True
        try:
            if self._scope.is_restricted:
                # What holds it ends with the transaction.
                await self._execute(self._scope.begin_with_local_role())
        except BaseException:
            self._read_pool.discard(self._connection)
            raise
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if self._scope.is_restricted and self._is_idle:
                await self._execute("commit")
        finally:
            if self._is_idle:
                self._read_pool.release(self._connection)
            else:
                self._read_pool.discard(self._connection)
        if self._statement_timeout_s and isinstance(error, asyncpg.QueryCanceledError):
            raise StatementTimeout(seconds=self._statement_timeout_s) from error

    async def rows(self, read: CompiledStatement, given: Mapping[str, object]) -> list[Record]:
        """Return every row of a read, given its values by their names."""
        values = read.values(given)
        self._is_idle = False
        rows: list[Record] = await self._connection.fetch(read.text, *values)
        self._is_idle = True
        return rows

    async def _execute(self, statement: str) -> None:
        self._is_idle = False
        await self._connection.execute(statement)
        self._is_idle = True


class Database:
    """A pool of connections to one Postgres; what takes a statement longer than its timeout raises StatementTimeout."""

    def __init__(self, url: str, *, pool_size: int = 20, statement_timeout_s: float | None = None) -> None:
        self.url = url
        self._statement_timeout_s = statement_timeout_s
        settings = {"statement_timeout": f"{statement_timeout_s * 1000:.0f}"} if statement_timeout_s else {}
        self._engine = _engine(url, pool_size, settings)
        self._read_pool = ConnectionPool(url, size=READ_POOL_SIZE, settings=settings)
        # Of their own, since changes may wait for one another, and reads are not to wait for them.
        self._write_pool = ConnectionPool(url, size=WRITE_POOL_SIZE, settings=settings)
        self._autocommit_engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._scope = UNRESTRICTED

    def scoped_to(self, scope: Scope) -> "Database":
        """Return the same database as whoever is held to this sees it: by the same connections."""
        if not scope.is_restricted:
            return self
        held = copy(self)
        held._scope = scope
        return held

    def read_connection(self) -> ReadConnection:
        """Hand out a connection for prepared reads, for as long as a block runs."""
        return ReadConnection(self._read_pool, self._scope, self._statement_timeout_s)

    async def execute_write(self, change: CompiledStatement, given: Mapping[str, object]) -> list[Record]:
        """
        Run a statement that is a transaction by itself, kept as a whole or not at all, and return its rows.

        Where the connection is lost nobody knows which, so it is never run again.
        """
        # Whoever is held needs a transaction to be held in.
        assert not self._scope.is_restricted  # noqa: S101
        connection = await self._write_pool.acquire()
        try:
            rows: list[Record] = await connection.fetch(change.text, *change.values(given))
        except asyncpg.IntegrityConstraintViolationError:
            # Nothing of it is left behind.
            self._write_pool.release(connection)
            raise
        except BaseException as error:
            self._write_pool.discard(connection)
            if self._statement_timeout_s and isinstance(error, asyncpg.QueryCanceledError):
                raise StatementTimeout(seconds=self._statement_timeout_s) from error
            raise
        self._write_pool.release(connection)
        return rows

    async def rows(self, statement: Executable) -> Sequence[AnyRow]:
        """Return every row a statement reads."""
        async with self._connection() as connection:
            result = await connection.execute(statement)
            return result.all()

    async def row(self, statement: Executable) -> AnyRow | None:
        """Return the first row a statement reads, or None where there is none."""
        async with self._connection() as connection:
            result = await connection.execute(statement)
            return result.first()

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[AsyncSession]:
        """Open a session whose work is kept as a whole, or not at all; a snapshot reads as of one instant."""
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ") if snapshot else self._engine
        with self._translating_timeouts():
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                if self._scope.is_restricted:
                    session.info["scope"] = self._scope
                    await session.execute(self._scope.set_local_role())
                yield session

    async def close(self) -> None:
        await self._read_pool.close()
        await self._write_pool.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        with self._translating_timeouts():
            if not self._scope.is_restricted:
                async with self._autocommit_engine.connect() as connection:
                    yield connection
                return
            # What holds it ends with the transaction, whatever becomes of that.
            async with self._engine.begin() as connection:
                await connection.execute(self._scope.set_local_role())
                yield connection

    @contextmanager
    def _translating_timeouts(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if self._statement_timeout_s and getattr(error.orig, "sqlstate", None) == QUERY_CANCELED:
                raise StatementTimeout(seconds=self._statement_timeout_s) from error
            raise


async def disable_statement_timeout(session: AsyncSession) -> None:
    """Let the statements of a transaction take longer than those of others may."""
    await session.execute(text("set local statement_timeout = 0"))


async def take_advisory_lock(session: AsyncSession, *over: str) -> None:
    """
    Wait until no other transaction is about to write the same thing, and let none until this one ends.

    Two rows that exclude each other deadlock when they are written at once, and a row sent twice at once may collide
    by its name before it does by its id: both would be refused for the wrong reason.
    """
    await session.execute(TAKE_ADVISORY_LOCK, {"lock_name": lock_name(*over)})


def lock_name(*over: str) -> str:
    """Return the name of the turn that is taken over something."""
    return " ".join(over)


async def copy_binary(session: AsyncSession, table: str, columns: Sequence[str], parts: Sequence[memoryview]) -> None:
    """Add rows to a table by COPY in binary, given in parts. Raises what asyncpg does."""
    connection = await driver_connection(session)
    await connection.copy_to_table(table, source=_pieces(parts), columns=columns, format="binary")


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """Return asyncpg's own connection, inside the session's transaction."""
    connection = await (await session.connection()).get_raw_connection()
    assert isinstance(connection.driver_connection, asyncpg.Connection)  # noqa: S101
    return connection.driver_connection


async def _pieces(parts: Sequence[memoryview]) -> AsyncIterator[bytes]:
    for part in parts:
        for at in range(0, len(part), COPY_PIECE_BYTES):
            yield bytes(part[at : at + COPY_PIECE_BYTES])


def _engine(url: str, pool_size: int, settings: dict[str, str]) -> AsyncEngine:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, server_settings=settings)

    # asyncpg reads the address itself, so that everything libpq takes in it (sslmode, say) holds here too.
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        # An error is logged as it is, and its parameters are what callers sent.
        hide_parameters=True,
    )
