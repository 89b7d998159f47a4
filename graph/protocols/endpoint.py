"""The GraphQL endpoint: over HTTP, and over WebSockets in both of their protocols."""

from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from db.engine.database import Database
from db.engine.notices import Notices
from db.engine.refusals import Unauthorized
from graph.auth import signatures
from graph.auth.callers import Caller
from graph.auth.signatures import SignatureRefused, SignatureVerifier
from graph.object_store import ObjectStore
from graph.operations.json import encode
from graph.operations.operation import Operation
from graph.operations.persisted import PersistedQueryRefusal
from graph.plans.run import planned_response
from graph.protocols import appsync_realtime, graphql_transport_ws, server_sent_events
from graph.protocols.admission import Admission, Admitted, TooManySubscriptions
from graph.protocols.appsync_realtime import RealtimeSocket
from graph.protocols.graphql_transport_ws import GraphqlTransportWsSocket
from graph.protocols.http import (
    HttpRefusal,
    MethodNotAllowed,
    answered,
    read_body,
    read_operation,
    refused,
    subscription_not_supported,
)
from graph.protocols.request_rate import TooManyRequests
from graph.protocols.server_sent_events import EventStream, OpenStreams
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import SocketTimeouts
from graph.resolvers.context import Context
from graph.resolvers.errors import formatted, internal_failure, refusal_error, to_appsync_error
from graph.schema import DocumentRejected, OperationNotFound, schema

log = structlog.get_logger()


class Endpoint:
    """The ASGI application at /graphql; `Admission` must admit every operation before it runs."""

    def __init__(
        self,
        *,
        admission: Admission,
        signatures: SignatureVerifier,
        database: Database,
        notices: Notices,
        object_store: ObjectStore,
        timeouts: SocketTimeouts | None = None,
    ) -> None:
        self.admission = admission
        self._signatures = signatures
        self._database = database
        self._notices = notices
        self._object_store = object_store
        self._timeouts = timeouts or SocketTimeouts()
        self._subscriptions = Subscriptions(self._context_for)
        self._open_streams = OpenStreams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._serve_socket(WebSocket(scope, receive, send))
            return
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    def end_event_streams(self) -> None:
        """End the streams of server-sent events; their clients connect again."""
        self._open_streams.end()

    async def close(self) -> None:
        """End every subscription."""
        await self._subscriptions.close()

    async def _serve_socket(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        shared = (websocket, self.admission, self._subscriptions, self._timeouts)
        if graphql_transport_ws.SUBPROTOCOL in offered:
            await GraphqlTransportWsSocket(*shared, self._context_for).run()
        elif appsync_realtime.SUBPROTOCOL in offered:
            await RealtimeSocket(*shared, self._signatures).run()
        else:
            await websocket.accept()
            expected = f"{graphql_transport_ws.SUBPROTOCOL} or {appsync_realtime.SUBPROTOCOL}"
            await websocket.close(4406, f"Subprotocol not acceptable; expected {expected}")

    def _context_for(self, caller: Caller) -> Context:
        return self.context(caller, request_id=str(uuid4()))

    def context(self, caller: Caller, *, request_id: str) -> Context:
        """Return the context in which a caller's operation runs."""
        return Context(
            database=self._database,
            notices=self._notices,
            object_store=self._object_store,
            request_id=request_id,
            caller=caller,
            documents=self.admission.documents,
        )

    async def _respond(self, request: Request) -> Response:
        request_id = request.scope["request_id"]
        if request.method != "POST":
            return MethodNotAllowed(method=request.method).answer()

        async def identify() -> Caller:
            if not signatures.is_signed(request.headers):
                return await self.admission.authenticator.authenticate(request.headers)
            # The signature covers the body.
            body = await read_body(request, self.admission.documents.limits.body_bytes)
            return await self._signatures.authenticate(signatures.signed_request(request, body))

        async def read() -> Operation:
            return await read_operation(request, self.admission.documents)

        try:
            admitted = await self.admission.admit(
                request.scope.get("client"),
                identify,
                read,
                disconnected=lambda: _disconnected(request),
                counted=request.scope.get("counted"),
            )
            return await self._run(request, admitted, request_id)
        except SignatureRefused as refusal:
            return refused(403, refusal.error_type, str(refusal))
        except Unauthorized as refusal:
            return refused(401, "UnauthorizedException", str(refusal))
        except TooManyRequests as refusal:
            # Amplify's clients retry after this errorType.
            retry_after = {"retry-after": str(refusal.retry_after_s)}
            return refused(429, "ThrottlingException", str(refusal), retry_after)
        except TooManySubscriptions as refusal:
            return refused(429, "MaxSubscriptionsReachedError", str(refusal))
        except PersistedQueryRefusal as refusal:
            return answered(encode({"data": None, "errors": [refusal_error(refusal)]}))
        except HttpRefusal as refusal:
            return refusal.answer()
        except OperationNotFound as refusal:
            return refused(400, "BadRequestException", str(refusal))
        except DocumentRejected as refusal:
            errors = [to_appsync_error(error, request_id=request_id) for error in refusal.errors]
            payload = encode({"data": None, "errors": formatted(errors)})
            with_events = server_sent_events.is_accepted(request, is_subscription=refusal.is_subscription)
            return server_sent_events.single_result(payload) if with_events else answered(payload)
        except Exception:
            log.exception("A request failed")
            return refused(500, "InternalFailure", internal_failure(request_id))

    async def _run(self, request: Request, admitted: Admitted, request_id: str) -> Response:
        with_events = server_sent_events.is_accepted(request, is_subscription=admitted.is_subscription)
        if admitted.is_subscription:
            if with_events:
                shared = (self.admission.authenticator, self._subscriptions, self._timeouts, self._open_streams)
                return EventStream(admitted, *shared)
            admitted.release()
            return subscription_not_supported()
        operation, context = admitted.operation, self.context(admitted.caller, request_id=request_id)
        try:
            planned = await planned_response(operation, context)
            if planned is not None:
                return server_sent_events.single_result(planned.decode()) if with_events else answered(planned)
            result = await schema.execute(
                operation.query,
                variable_values=dict(operation.variables),
                context_value=context,
                operation_name=operation.name,
            )
        finally:
            admitted.release()
        payload = Result.of(result).payload
        return server_sent_events.single_result(payload) if with_events else answered(payload)


async def _disconnected(request: Request) -> None:
    # The body has been read, so the next event that is received is the disconnection.
    while (await request.receive())["type"] != "http.disconnect":
        pass
