"""Access to Postgres: reads are single statements; writes are transactions, or one statement that is a transaction."""

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

# A SELECT of columns. Each query is a function of db/ that returns a ReadStatement; `Database.rows` runs it.
ReadStatement: TypeAlias = Select[*tuple[Any, ...]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]] | Record

# The size of one message of a COPY.
COPY_MESSAGE_BYTES = 2**19
# The SQLSTATE of a statement that `statement_timeout` cancelled.
QUERY_CANCELED = "57014"

# A table function: a statement that selects from it waits for the advisory lock that `take_advisory_lock` describes.
ADVISORY_LOCK = "pg_advisory_xact_lock(hashtextextended(:lock_name, 0))"
TAKE_ADVISORY_LOCK = text(f"select from {ADVISORY_LOCK}")


class StatementTimeout(LimitExceeded):
    """The database cancelled a statement after {seconds:g} seconds, its limit; try again, or request less data."""


class ReadConnection:
    """An async context manager for prepared reads, run one after the other on a connection restricted to a scope."""

    # A class, because a context manager made by contextlib takes a third of the time of a small read.
    def __init__(self, connections: ConnectionPool, scope: Scope, statement_timeout_s: float | None) -> None:
        self._read_pool = connections
        self._scope = scope
        self._statement_timeout_s = statement_timeout_s

    async def __aenter__(self) -> Self:
        self._connection = await self._read_pool.acquire()
        # False while a statement runs: after an error or a cancellation the connection's protocol state is unknown.
        self._is_idle = True
        try:
            if self._scope.is_restricted:
                # The role and the scope are set for this transaction only.
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

    async def rows(self, statement: CompiledStatement, values: Mapping[str, object]) -> list[Record]:
        """Return all rows of a statement, with its parameters bound by name."""
        arguments = statement.arguments(values)
        self._is_idle = False
        rows: list[Record] = await self._connection.fetch(statement.text, *arguments)
        self._is_idle = True
        return rows

    async def _execute(self, statement: str) -> None:
        self._is_idle = False
        await self._connection.execute(statement)
        self._is_idle = True


class Database:
    """
    Three connection pools of one Postgres database, which open connections on demand.

    `pool_size` bounds the connections for transactions and for statements that SQLAlchemy runs, `read_pool_size` those
    for prepared reads, and `write_pool_size` those for single-statement writes. A statement that takes longer than
    `statement_timeout_s` raises StatementTimeout.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        read_pool_size: int = 10,
        write_pool_size: int = 10,
        statement_timeout_s: float | None = None,
    ) -> None:
        self.url = url
        self._statement_timeout_s = statement_timeout_s
        settings = {"statement_timeout": f"{statement_timeout_s * 1000:.0f}"} if statement_timeout_s else {}
        self._engine = _engine(url, pool_size, settings)
        self._read_pool = ConnectionPool(url, size=read_pool_size, settings=settings)
        # A separate pool: writes may wait for each other's locks, and reads must not wait for a connection meanwhile.
        self._write_pool = ConnectionPool(url, size=write_pool_size, settings=settings)
        self._autocommit_engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._scope = UNRESTRICTED

    def scoped_to(self, scope: Scope) -> "Database":
        """Return this database restricted to a scope; it shares the connection pools."""
        if not scope.is_restricted:
            return self
        scoped = copy(self)
        scoped._scope = scope
        return scoped

    def read_connection(self) -> ReadConnection:
        """Return a context manager that borrows a connection for prepared reads."""
        return ReadConnection(self._read_pool, self._scope, self._statement_timeout_s)

    async def execute_write(self, statement: CompiledStatement, values: Mapping[str, object]) -> list[Record]:
        """
        Run one writing statement as its own transaction and return its rows.

        It is never retried: after a lost connection it is unknown whether the statement was committed.
        """
        # A restricted scope needs a transaction, for which its role is set.
        assert not self._scope.is_restricted  # noqa: S101
        connection = await self._write_pool.acquire()
        try:
            rows: list[Record] = await connection.fetch(statement.text, *statement.arguments(values))
        except asyncpg.IntegrityConstraintViolationError:
            # The statement was rolled back, and the connection can be used again.
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
        """Run a statement on a separate connection and return all its rows."""
        async with self._connection() as connection:
            result = await connection.execute(statement)
            return result.all()

    async def row(self, statement: Executable) -> AnyRow | None:
        """Run a statement on a separate connection and return its first row, or None."""
        async with self._connection() as connection:
            result = await connection.execute(statement)
            return result.first()

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[AsyncSession]:
        """
        Open a session in a transaction that commits at the end of the block and rolls back if the block raises.

        With `snapshot` the isolation level is REPEATABLE READ: all statements see the data as of the first one.
        """
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ") if snapshot else self._engine
        with self._translating_timeouts():
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                if self._scope.is_restricted:
                    session.info["scope"] = self._scope
                    await session.execute(self._scope.set_local_role())
                yield session

    async def close(self) -> None:
        """Close the free connections of all pools."""
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
            # The role is set for this transaction only, and ends with it even after an error.
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
    """Remove the limit on how long a statement of this transaction may run."""
    await session.execute(text("set local statement_timeout = 0"))


async def take_advisory_lock(session: AsyncSession, *key: str) -> None:
    """
    Wait for the advisory lock of a key, such as ("vpp", name), and hold it until the transaction ends.

    Two concurrent inserts that violate one exclusion constraint would deadlock. If a client sends the same create twice
    concurrently, the second may violate the unique name before it conflicts on the id. In both cases a call would be
    refused for the wrong reason.
    """
    await session.execute(TAKE_ADVISORY_LOCK, {"lock_name": lock_name(*key)})


def lock_name(*key: str) -> str:
    """Return the `lock_name` parameter of ADVISORY_LOCK for a key."""
    return " ".join(key)


async def copy_binary(session: AsyncSession, table: str, columns: Sequence[str], buffers: Sequence[memoryview]) -> None:
    """Insert rows by a binary COPY, whose bytes are the buffers in order. Raises asyncpg's own errors."""
    connection = await driver_connection(session)
    await connection.copy_to_table(table, source=_messages(buffers), columns=columns, format="binary")


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """Return the asyncpg connection of a session, inside the session's transaction."""
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101
    if not driver.is_in_transaction():
        # SQLAlchemy begins a transaction only with its first statement; a COPY before that would commit by itself.
        await session.execute(text("select"))
    return driver


async def _messages(buffers: Sequence[memoryview]) -> AsyncIterator[bytes]:
    for buffer in buffers:
        for start in range(0, len(buffer), COPY_MESSAGE_BYTES):
            yield bytes(buffer[start : start + COPY_MESSAGE_BYTES])


def _engine(url: str, pool_size: int, settings: dict[str, str]) -> AsyncEngine:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, server_settings=settings)

    # asyncpg parses the URL itself, so every libpq parameter in it works, sslmode for example.
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        # Errors are logged, and a statement's parameters may contain values sent by callers.
        hide_parameters=True,
    )
