"""
AppSync's real-time protocol, as its clients speak it over a WebSocket.

Source: AWS AppSync Developer Guide, "Building a real-time WebSocket client", and what the clients of aws-amplify make
of it: who is refused must be told so after the socket was accepted, since a client that is refused any other way tries
again for ever.
"""

import base64
import binascii
from typing import Any, NamedTuple

from starlette.websockets import WebSocket
from strawberry.types.graphql import OperationType

from db.engine.refusals import Unauthorized
from graph.auth import signatures
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.auth.signatures import SignatureVerifier
from graph.operations.documents import Documents
from graph.operations.json import NotJson, decode, encode
from graph.operations.operation import Operation
from graph.operations.persisted import PersistedQueryRefusal, operation_text
from graph.protocols.request_rate import RequestRate, TooManyRequests
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_SUBSCRIPTIONS, Socket, SocketTimeouts
from graph.resolvers.errors import refusal_error
from graph.schema import operation_type

SUBPROTOCOL = "graphql-ws"
CONNECTION_TIMEOUT_MS = 300_000


class Start(NamedTuple):
    """What a client asks for, and the headers with which it does."""

    operation: Operation
    headers: dict[str, Any]
    # As it was sent, and perhaps signed.
    data: str


class Refused(Exception):
    """A `start` that is refused: its errorType and why."""

    def __init__(self, error_type: str, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.error = {"errorType": error_type, "message": message, "errorCode": code}


class RealtimeSocket(Socket):
    """One socket of a client of AppSync's."""

    subprotocol = SUBPROTOCOL

    def __init__(
        self,
        websocket: WebSocket,
        access: Authenticator,
        signatures: SignatureVerifier,
        streams: Subscriptions,
        timeouts: SocketTimeouts,
        documents: Documents,
        rate: RequestRate,
    ) -> None:
        super().__init__(websocket, access, streams, timeouts, documents, rate)
        self._signatures = signatures
        self._is_acknowledged = False
        self._started: dict[str, str] = {}

    async def handle_message(self, message: Any) -> None:
        """Deal with one message."""
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "connection_init":
            await self._initialise()
        elif not self._is_acknowledged:
            return  # As AppSync does.
        elif kind == "start":
            await self._start(message)
        elif kind == "stop":
            self._stop(message.get("id"))
        else:
            self._mistaken("UnsupportedOperation", "Unknown message type; expected connection_init, start or stop.")

    def handle_invalid(self) -> None:
        """Deal with a frame that holds no JSON."""
        self._mistaken("BadRequestException", "The message is no JSON text.")

    def _mistaken(self, error_type: str, message: str) -> None:
        self.reply({"type": "error", "payload": {"errors": [Refused(error_type, message).error]}})

    async def _initialise(self) -> None:
        if self._is_acknowledged:
            return
        try:
            await self.rate.count_address(self.websocket.scope)
            await self._caller(_headers(self.websocket), below="/connect", body="{}")
        except TooManyRequests as refusal:
            # Amplify's clients try again when they are told so.
            error = Refused("LimitExceededError", str(refusal), 429).error
            self.reply({"type": "connection_error", "payload": {"errors": [error]}})
            self.close(4429, "Too many requests")
            return
        except Unauthorized as refusal:
            error = Refused("UnauthorizedException", str(refusal), 401).error
            self.reply({"type": "connection_error", "payload": {"errors": [error]}})
            self.close(4401, "Unauthorized")
            return
        self._is_acknowledged = True
        self.not_after("initialise")
        self.restart_idle_timer()
        self.reply({"type": "connection_ack", "payload": {"connectionTimeoutMs": CONNECTION_TIMEOUT_MS}})
        self._keep_alive()

    def _keep_alive(self) -> None:
        self.reply({"type": "ka"})
        self.after(self.timeouts.keep_alive_s, "keep alive", self._keep_alive)

    async def _start(self, message: dict[str, Any]) -> None:
        id, payload = message.get("id"), message.get("payload")
        if not isinstance(id, str) or not id:
            self._mistaken("BadRequestException", "A start needs an id; expected a text.")
            return
        if id in self.subscriptions:
            # A client that missed its acknowledgement starts again, with headers of another date.
            if isinstance(payload, dict) and self._started[id] == payload.get("data"):
                self.reply({"type": "start_ack", "id": id})
            else:
                self._refuse(id, [Refused("DuplicatedOperationError", f"The id {id} is in use already.").error])
            return
        try:
            await self.rate.count_address(self.websocket.scope)
            operation, headers, data = _read_start(payload, self.documents, subscriptions=len(self.subscriptions))
            caller = await self._caller(headers, below="", body=data)
            await self.rate.count_caller(caller)
        except Refused as refusal:
            self._refuse(id, [refusal.error])
            return
        except PersistedQueryRefusal as refusal:
            self._refuse(id, [refusal_error(refusal) | {"errorCode": 400}])
            return
        except TooManyRequests as refusal:
            self._refuse(id, [Refused("LimitExceededError", str(refusal), 429).error])
            return
        except Unauthorized as refusal:
            self._refuse(id, [Refused("UnauthorizedException", str(refusal), 401).error])
            return
        self.reply({"type": "start_ack", "id": id})
        subscription = _Subscription(self, id)
        self._started[id] = data
        leave_stream = self.streams.listen(operation, caller, subscription)
        let_go = self.access.on_access_lost(caller, lambda: self._lock_out(id))

        def leave() -> None:
            del self._started[id]
            leave_stream()
            let_go()

        self.subscriptions[id] = leave
        self.restart_idle_timer()

    async def _caller(self, headers: dict[str, Any], *, below: str, body: str) -> Caller:
        if signatures.is_signed(headers):
            return await self._signatures.authenticate(
                signatures.signed_websocket_request(self.websocket, headers, path_suffix=below, body=body)
            )
        return await self.access.authenticate(headers)

    def _stop(self, id: object) -> None:
        if isinstance(id, str) and self.unsubscribe(id):
            self.reply({"type": "complete", "id": id})

    def _lock_out(self, id: str) -> None:
        """End a subscription whose caller has lost the right to it: Amplify then connects anew, and is told why."""
        self.unsubscribe(id)
        self._refuse(
            id, [Refused("UnauthorizedException", "The API key or token has expired or was revoked.", 401).error]
        )

    def _refuse(self, id: str, errors: list[Any]) -> None:
        self.reply({"type": "error", "id": id, "payload": {"errors": errors}})


class _Subscription:
    def __init__(self, socket: RealtimeSocket, id: str) -> None:
        self._socket = socket
        self._id = id
        self._head = f'{{"type":"data","id":{encode(id)},"payload":'

    def tell(self, result: Result) -> None:
        # Of a result without data a client would not hear.
        if result.errors is not None:
            self.refuse(result.errors)
        else:
            self._socket.tell(self._id, f"{self._head}{result.payload}}}")

    def refuse(self, errors: list[Any]) -> None:
        told = [error | {"errorCode": 400} for error in errors]
        self._end_with(encode({"type": "error", "id": self._id, "payload": {"errors": told}}))

    def end(self) -> None:
        self._end_with(encode({"type": "complete", "id": self._id}))

    def _end_with(self, frame: str) -> None:
        # What was told before is told first.
        self._socket.tell(self._id, frame)
        self._socket.forget(self._id)


def _read_start(payload: Any, documents: Documents, *, subscriptions: int) -> Start:
    if subscriptions >= MAX_SUBSCRIPTIONS:
        raise Refused("MaxSubscriptionsReachedError", f"Max number of {MAX_SUBSCRIPTIONS} subscriptions reached")
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, str):
        raise Refused("BadRequestException", "A start needs its payload's data; expected the request as a JSON text.")
    try:
        request = decode(data)
    except NotJson:
        raise Refused("BadRequestException", "The payload's data is no JSON text.") from None
    query = operation_text(request, documents.manifest) if isinstance(request, dict) else None
    if not isinstance(query, str):
        raise Refused("BadRequestException", "The payload's data needs a query; expected a text.")
    variables, name = request.get("variables") or {}, request.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        told = "The payload's variables must be an object and its operationName a text, where there are any."
        raise Refused("BadRequestException", told)
    if operation_type(query, name, documents) in (OperationType.QUERY, OperationType.MUTATION):
        told = "Queries and mutations are not supported through the realtime channel; send them over HTTP."
        raise Refused("UnsupportedOperation", told)
    extensions = payload.get("extensions")
    headers = extensions.get("authorization") if isinstance(extensions, dict) else None
    return Start(Operation(query, variables, name), headers if isinstance(headers, dict) else {}, data)


def _headers(websocket: WebSocket) -> dict[str, Any]:
    """Find the headers a client sends in one of three ways: as a subprotocol, in the address, or as headers."""
    encoded = [each for each in websocket.scope["subprotocols"] if each.startswith("header-")]
    encoded += [f"header-{each}" for each in websocket.query_params.getlist("header")]
    for each in encoded:
        headers = _decoded(each.removeprefix("header-"))
        if headers is not None:
            return headers
    return dict(websocket.headers)


def _decoded(text: str) -> dict[str, Any] | None:
    # With or without padding, of either alphabet.
    plain = text.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        headers = decode(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, NotJson):
        return None
    return headers if isinstance(headers, dict) else None
