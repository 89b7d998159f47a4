"""
Shared subscriptions: equal subscriptions are executed and encoded once, for any number of listeners.

A listener that joins later receives the last result immediately, and then each new result.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from graph.auth.callers import Caller
from graph.operations.json import encode
from graph.operations.operation import Operation
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, to_appsync_error
from graph.schema import schema


@dataclass(frozen=True, slots=True)
class Result:
    """One result of an operation, encoded as JSON; `errors` is set only if the result has no data."""

    payload: str
    errors: list[Any] | None

    @classmethod
    def of(cls, result: ExecutionResult) -> "Result":
        """Encode a result."""
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = formatted(result.errors)
        if result.extensions:
            payload["extensions"] = result.extensions
        return cls(encode(payload), None if result.data is not None else payload.get("errors", []))


class Listener(Protocol):
    """Receives the results of a subscription. Its methods must not block: all listeners share one task."""

    def deliver(self, result: Result) -> None:
        """Receive a result."""

    def reject(self, errors: list[Any]) -> None:
        """Receive the errors because of which the operation cannot run. No other call follows."""

    def complete(self) -> None:
        """Called after the last result."""


class Subscriptions:
    """All subscriptions of a process."""

    def __init__(self, context_for: Callable[[Caller], Context]) -> None:
        self._context_for = context_for
        self._shared: dict[object, _SharedSubscription] = {}

    def subscribe(self, operation: Operation, caller: Caller, listener: Listener) -> Callable[[], None]:
        """Deliver the results of a subscription to a listener, until the function that this returns is called."""
        # Callers with the same role and scope receive the same results.
        key = (operation.query, operation.name, encode(operation.variables), caller.role, caller.scope)
        shared = self._shared.get(key)
        if shared is None or shared.has_ended:
            shared = self._shared[key] = _SharedSubscription(operation, self._context_for(caller))
            shared.task.add_done_callback(lambda _: remove_shared())
        shared.add(listener)

        def remove_shared() -> None:
            if self._shared.get(key) is shared:
                del self._shared[key]

        def unsubscribe() -> None:
            if shared.remove(listener):
                remove_shared()
                # The task itself calls `complete`, in which a listener may unsubscribe: it must not cancel itself.
                if asyncio.current_task() is not shared.task:
                    shared.task.cancel()

        return unsubscribe

    async def close(self) -> None:
        """Cancel every subscription."""
        tasks = [shared.task for shared in self._shared.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _SharedSubscription:
    def __init__(self, operation: Operation, context: Context) -> None:
        self._operation = operation
        self._context = context
        # Listeners, in the order in which they subscribed.
        self._listeners: dict[int, Listener] = {}
        self._last_result: Result | None = None
        self.has_ended = False
        self.task = asyncio.create_task(self._run())

    def add(self, listener: Listener) -> None:
        self._listeners[id(listener)] = listener
        if self._last_result is not None:
            listener.deliver(self._last_result)

    def remove(self, listener: Listener) -> bool:
        """Remove a listener, and return whether no listener is left."""
        self._listeners.pop(id(listener), None)
        return not self._listeners

    async def _run(self) -> None:
        try:
            await self._deliver_results()
        except Exception as fault:
            # Errors of the request are part of its results; an exception here is a bug in the server.
            error = to_appsync_error(GraphQLError("", original_error=fault), request_id=self._context.request_id)
            for listener in self._take_listeners():
                listener.reject(formatted([error]))
        finally:
            # From now on an equal subscription starts a new execution.
            self.has_ended = True

    async def _deliver_results(self) -> None:
        operation = self._operation
        results = await schema.stream(
            operation.query,
            variable_values=dict(operation.variables),
            context_value=self._context,
            operation_name=operation.name,
            allowed_operation_types=(OperationType.SUBSCRIPTION,),
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    errors = formatted(result.errors or [])
                    for listener in self._take_listeners():
                        listener.reject(errors)
                    return
                assert isinstance(result, ExecutionResult)  # noqa: S101 The schema has no @defer and no @stream.
                self._last_result = Result.of(result)
                for listener in tuple(self._listeners.values()):
                    listener.deliver(self._last_result)
                if not self._listeners:
                    return
        for listener in self._take_listeners():
            listener.complete()

    def _take_listeners(self) -> list[Listener]:
        listeners = list(self._listeners.values())
        self._listeners.clear()
        return listeners
