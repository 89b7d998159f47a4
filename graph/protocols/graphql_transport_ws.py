"""
The graphql-transport-ws protocol, which all clients except AppSync's use over a WebSocket.

Source: the GraphQL over WebSocket Protocol of the graphql-ws project.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import structlog
from starlette.websockets import WebSocket
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from db.engine.refusals import Unauthorized
from graph.auth.callers import Caller
from graph.operations.documents import Documents
from graph.operations.json import encode
from graph.operations.operation import Operation
from graph.operations.persisted import PersistedQueryRefusal, operation_text
from graph.protocols.admission import Admission, Admitted, TooManySubscriptions
from graph.protocols.concurrency import Busy
from graph.protocols.request_rate import TooManyRequests
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_SUBSCRIPTIONS, Socket, SocketTimeouts, end_all
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, internal_failure, refusal_error, to_appsync_error
from graph.schema import DocumentRejected, schema

SUBPROTOCOL = "graphql-transport-ws"

log = structlog.get_logger()


class InvalidMessage(Exception):
    """A `subscribe` message whose payload does not follow the protocol."""


class GraphqlTransportWsSocket(Socket):
    """One socket of a client that uses graphql-transport-ws."""

    subprotocol = SUBPROTOCOL

    def __init__(
        self,
        websocket: WebSocket,
        admission: Admission,
        subscriptions: Subscriptions,
        timeouts: SocketTimeouts,
        context_for: Callable[[Caller], Context],
    ) -> None:
        super().__init__(websocket, admission, subscriptions, timeouts)
        self._context_for = context_for
        self._caller: Caller | None = None

    async def handle_message(self, message: Any) -> None:
        """Handle one message."""
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._initialise(message.get("payload"))
        elif kind == "ping":
            self.reply({"type": "pong"})
        elif kind == "subscribe":
            self._subscribe(message.get("id"), message.get("payload"))
        elif kind == "complete" and isinstance(message.get("id"), str):
            self.cancel(message["id"])
        elif kind != "pong":
            self.handle_invalid()

    def handle_invalid(self) -> None:
        """Close the socket after a message that does not follow the protocol."""
        self.close(4400, "Failed to parse message")

    async def _initialise(self, payload: Any) -> None:
        if self._caller is not None:
            self.close(4429, "Too many initialisation requests")
            return
        if not isinstance(payload, dict | None):
            self.close(4400, "Invalid connection init payload")
            return
        # A browser cannot set headers on a WebSocket, so a key may also come with the first message.
        headers = {**self.websocket.headers, **(payload or {})}
        authenticator = self.admission.authenticator
        try:
            caller = await self.admission.authenticate(self.client, lambda: authenticator.authenticate(headers))
        except Unauthorized:
            self.close(4403, "Forbidden")
            return
        except TooManyRequests:
            self.close(4429, "Too many requests")
            return
        self._caller = caller
        self.on_end.callback(authenticator.on_access_lost(caller, lambda: self.close(4401, "Unauthorized")))
        self.cancel_timer("initialise")
        self.restart_idle_timer()
        self.reply({"type": "connection_ack"})

    def _subscribe(self, id: Any, payload: Any) -> None:
        if self._caller is None:
            self.close(4401, "Unauthorized")
        elif not isinstance(id, str):
            self.handle_invalid()
        elif id in self.running:
            self.close(4409, f"Subscriber for {id} already exists"[:120])
        elif len(self.running) >= MAX_SUBSCRIPTIONS:
            error = _too_many_subscriptions(f"Max number of {MAX_SUBSCRIPTIONS} subscriptions reached")
            self.reply({"id": id, "type": "error", "payload": [error]})
        else:
            task = asyncio.create_task(self._run(id, payload, self._caller))
            self.running[id] = lambda: _cancel_unless_current(task)
            self.restart_idle_timer()

    async def _run(self, id: str, payload: Any, caller: Caller) -> None:
        """Run an operation in a separate task, so that other messages are handled while it waits for its slot."""
        results = _Results(self, id)
        context = self._context_for(caller)

        async def identify() -> Caller:
            return caller

        async def read() -> Operation:
            return _read_operation(payload, self.admission.documents)

        try:
            admitted = await self.admission.admit(self.client, identify, read)
        except InvalidMessage:
            self.handle_invalid()
        except (PersistedQueryRefusal, TooManyRequests) as refusal:
            results.reject([refusal_error(refusal)])
        except TooManySubscriptions as refusal:
            results.reject([_too_many_subscriptions(str(refusal))])
        except Busy as refusal:
            results.reject([{"message": str(refusal), "errorType": refusal.error_type}])
        except DocumentRejected as refusal:
            results.reject(
                formatted([to_appsync_error(each, request_id=context.request_id) for each in refusal.errors])
            )
        except Exception:
            log.exception("An operation failed", request_id=context.request_id)
            results.reject([{"message": internal_failure(context.request_id), "errorType": "InternalFailure"}])
        else:
            if admitted.is_subscription:
                unsubscribe = self.shared_subscriptions.subscribe(admitted.operation, caller, results)
                self.running[id] = end_all(unsubscribe, admitted.release)
            else:
                await self._execute(admitted, context, results)

    async def _execute(self, admitted: Admitted, context: Context, results: "_Results") -> None:
        operation = admitted.operation
        try:
            stream = await schema.stream(
                operation.query,
                variable_values=dict(operation.variables),
                context_value=context,
                operation_name=operation.name,
            )
            async with aclosing(stream):
                async for result in stream:
                    if isinstance(result, PreExecutionError):
                        results.reject(formatted(result.errors or []))
                        return
                    assert isinstance(result, ExecutionResult)  # noqa: S101 The schema has no @defer and no @stream.
                    results.deliver(Result.of(result))
        finally:
            admitted.release()
        results.complete()


class _Results:
    """Sends the results of one operation."""

    def __init__(self, socket: GraphqlTransportWsSocket, id: str) -> None:
        self._socket = socket
        self._id = id
        self._head = f'{{"id":{encode(id)},"type":"next","payload":'

    def deliver(self, result: Result) -> None:
        self._socket.send_result(self._id, f"{self._head}{result.payload}}}")

    def reject(self, errors: list[Any]) -> None:
        self._socket.send_result(self._id, encode({"id": self._id, "type": "error", "payload": errors}))
        self._socket.remove(self._id)

    def complete(self) -> None:
        self._socket.send_result(self._id, encode({"id": self._id, "type": "complete"}))
        self._socket.remove(self._id)


def _read_operation(payload: Any, documents: Documents) -> Operation:
    if not isinstance(payload, dict):
        raise InvalidMessage
    query = operation_text(payload, documents.manifest)
    variables, name = payload.get("variables"), payload.get("operationName")
    if not isinstance(query, str) or not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise InvalidMessage
    return Operation(query, variables or {}, name)


def _too_many_subscriptions(message: str) -> dict[str, Any]:
    return {"message": message, "errorType": "MaxSubscriptionsReachedError"}


def _cancel_unless_current(task: asyncio.Task[None]) -> None:
    # The current task has sent its last message and ends by itself.
    if asyncio.current_task() is not task:
        task.cancel()
