"""
graphql-transport-ws, which every client but AppSync's speaks over a WebSocket.

Source: the GraphQL over WebSocket Protocol of the graphql-ws project.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from starlette.websockets import WebSocket
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from db.engine.refusals import Unauthorized
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.operations.documents import Documents
from graph.operations.json import encode
from graph.operations.operation import Operation
from graph.operations.persisted import PersistedQueryRefusal, operation_text
from graph.protocols.request_rate import RequestRate, TooManyRequests
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_SUBSCRIPTIONS, Socket, SocketTimeouts
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, refusal_error
from graph.schema import operation_type, schema

SUBPROTOCOL = "graphql-transport-ws"


class GraphqlTransportWsSocket(Socket):
    """One socket of a client that speaks graphql-transport-ws."""

    subprotocol = SUBPROTOCOL

    def __init__(
        self,
        websocket: WebSocket,
        access: Authenticator,
        streams: Subscriptions,
        timeouts: SocketTimeouts,
        documents: Documents,
        rate: RequestRate,
        context_for: Callable[[Caller], Context],
    ) -> None:
        super().__init__(websocket, access, streams, timeouts, documents, rate)
        self._context_for = context_for
        self._caller: Caller | None = None

    async def handle_message(self, message: Any) -> None:
        """Deal with one message."""
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._initialise(message.get("payload"))
        elif kind == "ping":
            self.reply({"type": "pong"})
        elif kind == "subscribe":
            await self._subscribe(message)
        elif kind == "complete" and isinstance(message.get("id"), str):
            self.unsubscribe(message["id"])
        elif kind != "pong":
            self.handle_invalid()

    def handle_invalid(self) -> None:
        """Deal with what is no message of the protocol."""
        self.close(4400, "Failed to parse message")

    async def _initialise(self, payload: Any) -> None:
        if self._caller is not None:
            self.close(4429, "Too many initialisation requests")
            return
        if not isinstance(payload, dict | None):
            self.close(4400, "Invalid connection init payload")
            return
        try:
            await self.rate.count_address(self.websocket.scope)
            # A browser cannot set headers on a WebSocket, so a key may also come with the first message.
            self._caller = await self.access.authenticate({**self.websocket.headers, **(payload or {})})
        except Unauthorized:
            self.close(4403, "Forbidden")
            return
        except TooManyRequests:
            self.close(4429, "Too many requests")
            return
        let_go = self.access.on_access_lost(self._caller, lambda: self.close(4401, "Unauthorized"))
        self.at_end.callback(let_go)
        self.not_after("initialise")
        self.restart_idle_timer()
        self.reply({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        id = message.get("id")
        if self._caller is None:
            self.close(4401, "Unauthorized")
            return
        try:
            await self.rate.count_address(self.websocket.scope)
            await self.rate.count_caller(self._caller)
            operation = _read(message.get("payload"), self.documents)
        except (PersistedQueryRefusal, TooManyRequests) as refusal:
            self.reply({"id": id, "type": "error", "payload": [refusal_error(refusal)]})
            return
        if not isinstance(id, str) or operation is None:
            self.handle_invalid()
        elif id in self.subscriptions:
            self.close(4409, f"Subscriber for {id} already exists"[:120])
        elif len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
            told = f"Max number of {MAX_SUBSCRIPTIONS} subscriptions reached"
            error = {"message": told, "errorType": "MaxSubscriptionsReachedError"}
            self.reply({"id": id, "type": "error", "payload": [error]})
        else:
            listener = _Operation(self, id)
            if operation_type(operation.query, operation.name, self.documents) is OperationType.SUBSCRIPTION:
                self.subscriptions[id] = self.streams.listen(operation, self._caller, listener)
            else:
                self.subscriptions[id] = self._run_beside(operation, self._caller, listener)
            self.restart_idle_timer()

    def _run_beside(self, operation: Operation, caller: Caller, listener: "_Operation") -> Callable[[], None]:
        task = asyncio.create_task(self._run(operation, caller, listener))

        def leave() -> None:
            if asyncio.current_task() is not task:
                task.cancel()

        return leave

    async def _run(self, operation: Operation, caller: Caller, listener: "_Operation") -> None:
        """Run a query or a mutation."""
        results = await schema.stream(
            operation.query,
            variable_values=dict(operation.variables),
            context_value=self._context_for(caller),
            operation_name=operation.name,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    listener.refuse(formatted(result.errors or []))
                    return
                assert isinstance(result, ExecutionResult)  # noqa: S101 Nothing is deferred here.
                listener.tell(Result.of(result))
        listener.end()


class _Operation:
    def __init__(self, socket: GraphqlTransportWsSocket, id: str) -> None:
        self._socket = socket
        self._id = id
        self._head = f'{{"id":{encode(id)},"type":"next","payload":'

    def tell(self, result: Result) -> None:
        self._socket.tell(self._id, f"{self._head}{result.payload}}}")

    def refuse(self, errors: list[Any]) -> None:
        self._socket.tell(self._id, encode({"id": self._id, "type": "error", "payload": errors}))
        self._socket.forget(self._id)

    def end(self) -> None:
        self._socket.tell(self._id, encode({"id": self._id, "type": "complete"}))
        self._socket.forget(self._id)


def _read(payload: Any, documents: Documents) -> Operation | None:
    if not isinstance(payload, dict):
        return None
    query = operation_text(payload, documents.manifest)
    variables, name = payload.get("variables"), payload.get("operationName")
    if not isinstance(query, str) or not isinstance(variables, dict | None) or not isinstance(name, str | None):
        return None
    return Operation(query, variables or {}, name)
