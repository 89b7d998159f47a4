"""Where GraphQL is spoken: over HTTP, and over WebSockets as graphql-transport-ws."""

import json
from typing import Any

import orjson
import structlog
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import UNSET
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler

from db.engine import Database
from db.notices import Notices
from db.refusals import Unauthorized
from graph.access import Access
from graph.context import Context
from graph.errors import our_fault
from graph.object_store import ObjectStore
from graph.schema import schema

log = structlog.get_logger()


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """What one WebSocket says, message by message; whoever does not keep to the protocol is cut off."""

    async def handle_message(self, message: Any) -> None:
        if _is_of_protocol(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")


class Endpoint(GraphQL[Context, None]):
    """The schema behind one address; no request without a key of ours runs anything."""

    graphql_transport_ws_handler_class = Handler

    def __init__(self, *, access: Access, database: Database, notices: Notices, object_store: ObjectStore) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
        )
        self._access = access
        self._database = database
        self._notices = notices
        self._object_store = object_store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.run(WebSocket(scope, receive, send))
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = Context(
            database=self._database,
            notices=self._notices,
            object_store=self._object_store,
            request_id=request.scope["request_id"],
            headers=request.headers,
        )
        if isinstance(request, Request):
            context.caller = await self._access.caller(request.headers)
        return context

    async def on_ws_connect(self, context: Context) -> Any:
        # A browser cannot set headers on a WebSocket, so a key may also come with the first message.
        try:
            context.caller = await self._access.caller({**context.headers, **(context.connection_params or {})})
        except Unauthorized as refusal:
            raise ConnectionRejectionError({"message": str(refusal)}) from refusal
        return UNSET  # An acknowledgement without a payload: one of null is more than some clients take.

    def decode_json(self, data: str | bytes) -> object:
        try:
            decoded = json.loads(data)
        except (RecursionError, ValueError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        if not isinstance(decoded, (dict, list)):
            raise json.JSONDecodeError("An object was expected", "", 0)
        return decoded

    def encode_json(self, data: object) -> str:
        try:
            return orjson.dumps(data).decode()
        except TypeError:
            # A message may repeat the half of a surrogate pair that a caller sent, which only an escape can hold.
            return json.dumps(data)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self.run(request)
        except Unauthorized as refusal:
            return _refused(401, "UnauthorizedException", str(refusal))
        except HTTPException as refusal:
            kind = "MalformedHttpRequestException" if refusal.status_code == 400 else "BadRequestException"
            return _refused(refusal.status_code, kind, refusal.reason)
        except Exception:
            log.exception("A request failed")
            return _refused(500, "InternalFailure", our_fault(request.scope["request_id"]))


def _is_of_protocol(message: Any) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("id", ""), str):
        return False
    if message.get("type") != "subscribe":
        return True
    payload = message.get("payload")
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("query"), str)
        and isinstance(payload.get("variables"), dict | None)
        and isinstance(payload.get("operationName"), str | None)
    )


def _refused(status: int, kind: str, message: str) -> Response:
    """Answer a request that was not run, in the form in which AppSync's clients find the type and the message."""
    body = {"message": message, "errors": [{"errorType": kind, "message": message}]}
    return Response(json.dumps(body), status, {"x-amzn-errortype": kind}, "application/json")
