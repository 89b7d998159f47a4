"""
AppSync's real-time protocol over a WebSocket.

Source: AWS AppSync Developer Guide, "Building a real-time WebSocket client", and the behaviour of the clients of
aws-amplify: a rejected client must be sent its error after the socket was accepted, since one that is rejected in any
other way reconnects for ever.
"""

import base64
import binascii
from typing import Any, NamedTuple

from starlette.websockets import WebSocket
from strawberry.types.graphql import OperationType

from db.engine.refusals import Unauthorized
from graph.auth import signatures
from graph.auth.callers import Caller
from graph.auth.signatures import SignatureVerifier
from graph.operations.documents import Documents
from graph.operations.json import JsonDecodeError, decode, encode
from graph.operations.operation import Operation
from graph.operations.persisted import PersistedQueryRefusal, operation_text
from graph.protocols.admission import Admission, TooManySubscriptions
from graph.protocols.request_rate import TooManyRequests
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import MAX_SUBSCRIPTIONS, Socket, SocketTimeouts, end_all
from graph.resolvers.errors import formatted, refusal_error, to_appsync_error
from graph.schema import DocumentRejected, operation_type

SUBPROTOCOL = "graphql-ws"
CONNECTION_TIMEOUT_MS = 300_000
LOCKED_OUT = "The API key or token has expired or was revoked."


class Start(NamedTuple):
    """The payload of a `start` message."""

    operation: Operation
    headers: dict[str, Any]
    # The request as the client wrote it, which a signature covers.
    data: str


class Refused(Exception):
    """A message that is rejected, with AppSync's errorType."""

    def __init__(self, error_type: str, message: str, code: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.error = {"errorType": error_type, "message": message, "errorCode": code}


class RealtimeSocket(Socket):
    """One socket of an AppSync client."""

    subprotocol = SUBPROTOCOL

    def __init__(
        self,
        websocket: WebSocket,
        admission: Admission,
        subscriptions: Subscriptions,
        timeouts: SocketTimeouts,
        signatures: SignatureVerifier,
    ) -> None:
        super().__init__(websocket, admission, subscriptions, timeouts)
        self._signatures = signatures
        self._is_acknowledged = False
        # The data of each started subscription, by its id.
        self._started: dict[str, str] = {}

    async def handle_message(self, message: Any) -> None:
        """Handle one message."""
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
            error = Refused("UnsupportedOperation", "Unknown message type; expected connection_init, start or stop.")
            self._reply_error(error)

    def handle_invalid(self) -> None:
        """Reply to a frame that is not valid JSON."""
        self._reply_error(Refused("BadRequestException", "The message is not valid JSON."))

    def _reply_error(self, error: Refused) -> None:
        self.reply({"type": "error", "payload": {"errors": [error.error]}})

    async def _initialise(self) -> None:
        if self._is_acknowledged:
            return
        headers = _headers(self.websocket)
        try:
            await self.admission.authenticate(self.client, lambda: self._caller(headers, below="/connect", body="{}"))
        except TooManyRequests as refusal:
            # With this errorType Amplify's clients connect again later.
            self._reject_connection(Refused("LimitExceededError", str(refusal), 429), "Too many requests")
            return
        except Unauthorized as refusal:
            self._reject_connection(Refused("UnauthorizedException", str(refusal), 401), "Unauthorized")
            return
        self._is_acknowledged = True
        self.cancel_timer("initialise")
        self.restart_idle_timer()
        self.reply({"type": "connection_ack", "payload": {"connectionTimeoutMs": CONNECTION_TIMEOUT_MS}})
        self._keep_alive()

    def _reject_connection(self, refusal: Refused, reason: str) -> None:
        self.reply({"type": "connection_error", "payload": {"errors": [refusal.error]}})
        self.close(4000 + refusal.code, reason)

    def _keep_alive(self) -> None:
        self.reply({"type": "ka"})
        self.start_timer(self.timeouts.keep_alive_s, "keep alive", self._keep_alive)

    async def _start(self, message: dict[str, Any]) -> None:
        id, payload = message.get("id"), message.get("payload")
        if not isinstance(id, str) or not id:
            self._reply_error(Refused("BadRequestException", "A start message needs an id, which is a string."))
            return
        if id in self.running:
            # A client that missed its start_ack starts again, with another date in its headers.
            if isinstance(payload, dict) and self._started[id] == payload.get("data"):
                self.reply({"type": "start_ack", "id": id})
            else:
                self._reject(id, [Refused("DuplicatedOperationError", f"The id {id} is already in use.").error])
            return
        if len(self.running) >= MAX_SUBSCRIPTIONS:
            message_text = f"Max number of {MAX_SUBSCRIPTIONS} subscriptions reached"
            self._reject(id, [Refused("MaxSubscriptionsReachedError", message_text).error])
            return

        async def identify() -> Caller:
            return await self._caller(start.headers, below="", body=start.data)

        async def read() -> Operation:
            operation = start.operation
            type_ = operation_type(operation.query, operation.name, self.admission.documents)
            if type_ in (OperationType.QUERY, OperationType.MUTATION):
                message = "Queries and mutations are not supported through the realtime channel; send them over HTTP."
                raise Refused("UnsupportedOperation", message)
            return operation

        try:
            start = _read_start(payload, self.admission.documents)
            admitted = await self.admission.admit(self.client, identify, read)
        except Refused as refusal:
            self._reject(id, [refusal.error])
        except PersistedQueryRefusal as refusal:
            self._reject(id, [refusal_error(refusal) | {"errorCode": 400}])
        except TooManyRequests as refusal:
            self._reject(id, [Refused("LimitExceededError", str(refusal), 429).error])
        except TooManySubscriptions as refusal:
            self._reject(id, [Refused("MaxSubscriptionsReachedError", str(refusal)).error])
        except Unauthorized as refusal:
            self._reject(id, [Refused("UnauthorizedException", str(refusal), 401).error])
        except DocumentRejected as refusal:
            # The acknowledgement comes first, as before any other error of the operation.
            self.reply({"type": "start_ack", "id": id})
            errors = formatted([to_appsync_error(error, request_id="") for error in refusal.errors])
            self._reject(id, [error | {"errorCode": 400} for error in errors])
        else:
            self.reply({"type": "start_ack", "id": id})
            self._started[id] = start.data
            results = _Results(self, id)
            unsubscribe = self.shared_subscriptions.subscribe(admitted.operation, admitted.caller, results)
            stop_watching = self.admission.authenticator.on_access_lost(admitted.caller, lambda: self._lock_out(id))
            self.running[id] = end_all(unsubscribe, stop_watching, admitted.release, lambda: self._forget_data(id))
            self.restart_idle_timer()

    def _forget_data(self, id: str) -> None:
        del self._started[id]

    async def _caller(self, headers: dict[str, Any], *, below: str, body: str) -> Caller:
        if signatures.is_signed(headers):
            return await self._signatures.authenticate(
                signatures.signed_websocket_request(self.websocket, headers, path_suffix=below, body=body)
            )
        return await self.admission.authenticator.authenticate(headers)

    def _stop(self, id: object) -> None:
        if isinstance(id, str) and self.cancel(id):
            self.reply({"type": "complete", "id": id})

    def _lock_out(self, id: str) -> None:
        """End a subscription whose caller's key has expired or was revoked: Amplify then reconnects, and gets 401."""
        self.cancel(id)
        self._reject(id, [Refused("UnauthorizedException", LOCKED_OUT, 401).error])

    def _reject(self, id: str, errors: list[Any]) -> None:
        self.reply({"type": "error", "id": id, "payload": {"errors": errors}})


class _Results:
    """Sends the results of one subscription."""

    def __init__(self, socket: RealtimeSocket, id: str) -> None:
        self._socket = socket
        self._id = id
        self._head = f'{{"type":"data","id":{encode(id)},"payload":'

    def deliver(self, result: Result) -> None:
        # Amplify's clients drop a `data` message whose data is null, so its errors are sent as an `error` message.
        if result.errors is not None:
            self.reject(result.errors)
        else:
            self._socket.send_result(self._id, f"{self._head}{result.payload}}}")

    def reject(self, errors: list[Any]) -> None:
        errors = [error | {"errorCode": 400} for error in errors]
        self._end_with(encode({"type": "error", "id": self._id, "payload": {"errors": errors}}))

    def complete(self) -> None:
        self._end_with(encode({"type": "complete", "id": self._id}))

    def _end_with(self, frame: str) -> None:
        # Pending results are still sent, before this frame.
        self._socket.send_result(self._id, frame)
        self._socket.remove(self._id)


def _read_start(payload: Any, documents: Documents) -> Start:
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, str):
        message = "A start message needs payload.data: the request as a JSON text."
        raise Refused("BadRequestException", message)
    try:
        request = decode(data)
    except JsonDecodeError:
        raise Refused("BadRequestException", "payload.data is not valid JSON.") from None
    query = operation_text(request, documents.manifest) if isinstance(request, dict) else None
    if not isinstance(query, str):
        raise Refused("BadRequestException", "payload.data needs a query, which is a string.")
    variables, name = request.get("variables") or {}, request.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        message = "In payload.data, variables must be an object and operationName a string, if provided."
        raise Refused("BadRequestException", message)
    extensions = payload.get("extensions")
    headers = extensions.get("authorization") if isinstance(extensions, dict) else None
    return Start(Operation(query, variables, name), headers if isinstance(headers, dict) else {}, data)


def _headers(websocket: WebSocket) -> dict[str, Any]:
    """Return the headers of a client, which sends them as a subprotocol, in the query string, or as HTTP headers."""
    encoded = [each for each in websocket.scope["subprotocols"] if each.startswith("header-")]
    encoded += [f"header-{each}" for each in websocket.query_params.getlist("header")]
    for each in encoded:
        headers = _decoded(each.removeprefix("header-"))
        if headers is not None:
            return headers
    return dict(websocket.headers)


def _decoded(text: str) -> dict[str, Any] | None:
    # Decodes base64 with or without padding, in the standard or the URL-safe alphabet.
    plain = text.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        headers = decode(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, JsonDecodeError):
        return None
    return headers if isinstance(headers, dict) else None
