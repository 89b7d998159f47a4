"""
Admission: the checks that every operation passes before it runs, in one place and in one order.

HTTP, server-sent events, graphql-transport-ws and AppSync's real-time protocol all call `Admission.admit`, which

1. counts the request of the client's address (TooManyRequests),
2. authenticates the caller (Unauthorized),
3. counts the request of the caller (TooManyRequests),
4. reads the operation, as the protocol carries it (the protocol's own errors, PersistedQueryRefusal),
5. checks the document: syntax, validation, depth, aliases, cost (DocumentRejected, OperationNotFound),
6. takes a concurrency slot for a query or a mutation (Busy, ClientGone), or counts an open subscription of the caller
   (TooManySubscriptions).

A WebSocket that connects before it sends an operation passes the first two steps by `Admission.authenticate`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from strawberry.types.graphql import OperationType

from db.engine.refusals import LimitExceeded
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.operations.documents import Documents
from graph.operations.operation import Operation
from graph.protocols.concurrency import ConcurrencyLimiter
from graph.protocols.request_rate import Client, RequestRate
from graph.schema import schema


class TooManySubscriptions(LimitExceeded):
    """The caller has {maximum} open subscriptions on this server, and may have no more; end some of them."""


class Admitted(NamedTuple):
    """An operation that may run. `release` must be called exactly once, when it has ended."""

    caller: Caller
    operation: Operation
    is_subscription: bool
    release: Callable[[], None]


class Admission:
    """Admits operations to a process; see the module's docstring for the checks."""

    def __init__(self, authenticator: Authenticator, rate: RequestRate, documents: Documents) -> None:
        self.authenticator = authenticator
        self.documents = documents
        self._rate = rate
        self._concurrency = ConcurrencyLimiter(documents.limits)
        # The number of open subscriptions, by the key under which the caller is counted.
        self._subscriptions: Counter[str] = Counter()

    async def authenticate(
        self, client: Client, identify: Callable[[], Awaitable[Caller]], *, counted: set[str] | None = None
    ) -> Caller:
        """Count a request of the client's address, then return its caller. Raises TooManyRequests and Unauthorized."""
        if counted is None or "address" not in counted:
            await self._rate.count_address(client)
            if counted is not None:
                counted.add("address")
        return await identify()

    async def admit(
        self,
        client: Client,
        identify: Callable[[], Awaitable[Caller]],
        read: Callable[[], Awaitable[Operation]],
        *,
        wait: bool = True,
        disconnected: Callable[[], Awaitable[Any]] | None = None,
        counted: set[str] | None = None,
    ) -> Admitted:
        """
        Check an operation, and return it with its caller.

        `identify` returns the caller and `read` the operation; each is awaited at its step, so that no work is done for
        later steps if a client is rejected. Without `wait`, raises Busy immediately if no slot is free. `disconnected`
        returns once the client has gone. `counted` holds the rate limit counters already charged, if the same request
        is admitted a second time. Raises the errors that the module's docstring lists.
        """
        caller = await self.authenticate(client, identify, counted=counted)
        if counted is None or "caller" not in counted:
            await self._rate.count_caller(caller)
            if counted is not None:
                counted.add("caller")
        operation = await read()
        checked = schema.check(operation, self.documents)
        if checked.type is OperationType.SUBSCRIPTION:
            return Admitted(caller, operation, True, self._count_subscription(caller))
        await self._concurrency.acquire(wait=wait, disconnected=disconnected)
        return Admitted(caller, operation, False, self._concurrency.release)

    def _count_subscription(self, caller: Caller) -> Callable[[], None]:
        key, maximum = caller.rate_limit_key, self.documents.limits.subscriptions
        if maximum and self._subscriptions[key] >= maximum:
            raise TooManySubscriptions(maximum=maximum, info={"limit": "subscriptions", "maximum": maximum})
        self._subscriptions[key] += 1

        def release() -> None:
            self._subscriptions[key] -= 1
            if not self._subscriptions[key]:
                del self._subscriptions[key]

        return release
