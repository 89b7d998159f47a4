"""
Subscriptions, each run once however many ask for the same: one execution and one encoding, any number of listeners.

Whoever comes later is told at once what was told last, and then whatever follows.
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
    """One result of an operation, encoded; its errors are given apart where it has no data."""

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
    """Who is told of a subscription; nothing of it may wait."""

    def tell(self, result: Result) -> None:
        """Hear a result."""

    def refuse(self, errors: list[Any]) -> None:
        """Hear that the operation cannot be run, and why. Nothing follows."""

    def end(self) -> None:
        """Hear that nothing follows."""


class Subscriptions:
    """All subscriptions of a process."""

    def __init__(self, context_for: Callable[[Caller], Context]) -> None:
        self._context_for = context_for
        self._streams: dict[object, _SharedSubscription] = {}

    def listen(self, operation: Operation, caller: Caller, listener: Listener) -> Callable[[], None]:
        """Tell a listener of a subscription from now on, and return how to have done with it."""
        # Callers who may see the same are told the same.
        key = (operation.query, operation.name, encode(operation.variables), caller.role, caller.scope)
        stream = self._streams.get(key)
        if stream is None or stream.is_over:
            stream = self._streams[key] = _SharedSubscription(operation, self._context_for(caller))
            stream.task.add_done_callback(lambda _: forget())
        stream.add(listener)

        def forget() -> None:
            if self._streams.get(key) is stream:
                del self._streams[key]

        def leave() -> None:
            if stream.remove(listener):
                forget()
                # Where its own last word was what made this one leave, it ends by itself.
                if asyncio.current_task() is not stream.task:
                    stream.task.cancel()

        return leave

    async def close(self) -> None:
        """End all of them."""
        tasks = [stream.task for stream in self._streams.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _SharedSubscription:
    def __init__(self, operation: Operation, context: Context) -> None:
        self._operation = operation
        self._context = context
        # In the order in which they came; the first is told first.
        self._listeners: dict[int, Listener] = {}
        self._last: Result | None = None
        self.is_over = False
        self.task = asyncio.create_task(self._run())

    def add(self, listener: Listener) -> None:
        self._listeners[id(listener)] = listener
        if self._last is not None:
            listener.tell(self._last)

    def remove(self, listener: Listener) -> bool:
        """Tell this one no more, and return whether nobody is left."""
        self._listeners.pop(id(listener), None)
        return not self._listeners

    async def _run(self) -> None:
        try:
            await self._follow()
        except Exception as fault:
            # What is wrong with a request is told by its results; this is not among them.
            told_of = to_appsync_error(GraphQLError("", original_error=fault), request_id=self._context.request_id)
            for listener in self._all_of_them():
                listener.refuse(formatted([told_of]))
        finally:
            # Nobody is to join what has ended.
            self.is_over = True

    async def _follow(self) -> None:
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
                    for listener in self._all_of_them():
                        listener.refuse(errors)
                    return
                assert isinstance(result, ExecutionResult)  # noqa: S101 Nothing is deferred here.
                self._last = Result.of(result)
                for listener in tuple(self._listeners.values()):
                    listener.tell(self._last)
                if not self._listeners:
                    return
        for listener in self._all_of_them():
            listener.end()

    def _all_of_them(self) -> list[Listener]:
        listeners = list(self._listeners.values())
        self._listeners.clear()
        return listeners
