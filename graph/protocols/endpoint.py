"""Where GraphQL is spoken: over HTTP, and over WebSockets in the two ways in which clients do."""

from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from db.engine.database import Database
from db.engine.notices import Notices
from db.engine.refusals import Unauthorized
from graph.auth import signatures
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.auth.signatures import SignatureRefused, SignatureVerifier
from graph.object_store import ObjectStore
from graph.operations.documents import Documents
from graph.operations.json import encode
from graph.operations.persisted import PersistedQueryRefusal
from graph.plans.run import planned_answer
from graph.protocols import appsync_realtime, graphql_transport_ws, server_sent_events
from graph.protocols.appsync_realtime import RealtimeSocket
from graph.protocols.concurrency import ConcurrencyLimiter
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
from graph.protocols.request_rate import RequestRate, TooManyRequests
from graph.protocols.subscriptions import Result, Subscriptions
from graph.protocols.websocket import SocketTimeouts
from graph.resolvers.context import Context
from graph.resolvers.errors import internal_failure, refusal_error
from graph.schema import operation_type, schema

log = structlog.get_logger()


class Endpoint:
    """The schema behind one address; no request without a key of ours runs anything."""

    def __init__(
        self,
        *,
        access: Authenticator,
        signatures: SignatureVerifier,
        database: Database,
        notices: Notices,
        object_store: ObjectStore,
        documents: Documents,
        rate: RequestRate,
        timeouts: SocketTimeouts | None = None,
    ) -> None:
        self.access = access
        self._signatures = signatures
        self._database = database
        self._notices = notices
        self._object_store = object_store
        self.documents = documents
        self.rate = rate
        self.turns = ConcurrencyLimiter(documents.limits)
        self._patience = timeouts or SocketTimeouts()
        self._streams = Subscriptions(lambda caller: self.context(caller, request_id=str(uuid4())))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._speak(WebSocket(scope, receive, send))
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def close(self) -> None:
        """End every subscription."""
        await self._streams.close()

    async def _speak(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        if graphql_transport_ws.SUBPROTOCOL in offered:
            await GraphqlTransportWsSocket(
                websocket,
                self.access,
                self._streams,
                self._patience,
                self.documents,
                self.rate,
                lambda caller: self.context(caller, request_id=str(uuid4())),
            ).run()
        elif appsync_realtime.SUBPROTOCOL in offered:
            await RealtimeSocket(
                websocket,
                self.access,
                self._signatures,
                self._streams,
                self._patience,
                self.documents,
                self.rate,
            ).run()
        else:
            await websocket.accept()
            expected = f"{graphql_transport_ws.SUBPROTOCOL} or {appsync_realtime.SUBPROTOCOL}"
            await websocket.close(4406, f"Subprotocol not acceptable; expected {expected}")

    def context(self, caller: Caller, *, request_id: str) -> Context:
        """Return what a request of a caller's is run with."""
        return Context(
            database=self._database,
            notices=self._notices,
            object_store=self._object_store,
            request_id=request_id,
            caller=caller,
            documents=self.documents,
        )

    async def _answer(self, request: Request) -> Response:
        request_id = request.scope["request_id"]
        if request.method != "POST":
            return MethodNotAllowed(method=request.method).answer()
        try:
            counted = request.scope.get("counted", ())
            if "address" not in counted:
                await self.rate.count_address(request.scope)
            if signatures.is_signed(request.headers):
                body = await read_body(request, self.documents.limits.body_bytes)
                caller = await self._signatures.authenticate(signatures.signed_request(request, body))
            else:
                caller = await self.access.authenticate(request.headers)
            if "caller" not in counted:
                await self.rate.count_caller(caller)
            operation = await read_operation(request, self.documents)
            has_many = operation_type(operation.query, operation.name, self.documents) is OperationType.SUBSCRIPTION
            in_events = server_sent_events.is_wanted(request, for_many=has_many)
            if in_events and has_many:
                return server_sent_events.event_stream(operation, caller, access=self.access, streams=self._streams)
            context = self.context(caller, request_id=request_id)
            async with self.turns.slot(request):
                planned = await planned_answer(operation, context)
                if planned is not None:
                    return server_sent_events.events_of_one(planned.decode()) if in_events else answered(planned)
                result = await schema.execute(
                    operation.query,
                    variable_values=dict(operation.variables),
                    context_value=context,
                    operation_name=operation.name,
                )
        except SignatureRefused as refusal:
            return refused(403, refusal.error_type, str(refusal))
        except Unauthorized as refusal:
            return refused(401, "UnauthorizedException", str(refusal))
        except TooManyRequests as refusal:
            # By this name Amplify's clients know that they are to try again.
            retry_after = {"retry-after": str(refusal.retry_after_s)}
            return refused(429, "ThrottlingException", str(refusal), retry_after)
        except PersistedQueryRefusal as refusal:
            return answered(encode({"data": None, "errors": [refusal_error(refusal)]}))
        except HttpRefusal as refusal:
            return refusal.answer()
        except CannotGetOperationTypeError as refusal:
            return refused(400, "BadRequestException", refusal.as_http_error_reason())
        except InvalidOperationTypeError:
            return subscription_not_supported()
        except Exception:
            log.exception("A request failed")
            return refused(500, "InternalFailure", internal_failure(request_id))
        payload = Result.of(result).payload
        return server_sent_events.events_of_one(payload) if in_events else answered(payload)
