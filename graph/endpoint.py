"""Where GraphQL is spoken: over HTTP, and over WebSockets in the two ways in which clients do."""

import json
from uuid import uuid4

import orjson
import structlog
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from db.engine import Database
from db.notices import Notices
from db.refusals import Unauthorized
from graph import transport_ws
from graph.access import Access, Caller
from graph.appsync import realtime
from graph.appsync.realtime import RealtimeSocket
from graph.context import Context
from graph.errors import our_fault
from graph.object_store import ObjectStore
from graph.schema import schema
from graph.sockets import Patience
from graph.streams import Streams
from graph.transport_ws import TransportSocket

log = structlog.get_logger()


class Endpoint(GraphQL[Context, None]):
    """The schema behind one address; no request without a key of ours runs anything."""

    def __init__(
        self,
        *,
        access: Access,
        database: Database,
        notices: Notices,
        object_store: ObjectStore,
        patience: Patience | None = None,
    ) -> None:
        super().__init__(schema, graphql_ide=None, allow_queries_via_get=False)
        self._access = access
        self._database = database
        self._notices = notices
        self._object_store = object_store
        self._patience = patience or Patience()
        self._streams = Streams(lambda caller: self._context(caller, request_id=str(uuid4())))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._speak(WebSocket(scope, receive, send))
            return
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        caller = await self._access.caller(request.headers)
        return self._context(caller, request_id=request.scope["request_id"])

    async def close(self) -> None:
        """End every subscription."""
        await self._streams.close()

    async def _speak(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        if transport_ws.SUBPROTOCOL in offered:
            await TransportSocket(
                websocket,
                self._access,
                self._streams,
                self._patience,
                lambda caller: self._context(caller, request_id=str(uuid4())),
            ).run()
        elif realtime.SUBPROTOCOL in offered:
            await RealtimeSocket(websocket, self._access, self._streams, self._patience).run()
        else:
            await websocket.accept()
            expected = f"{transport_ws.SUBPROTOCOL} or {realtime.SUBPROTOCOL}"
            await websocket.close(4406, f"Subprotocol not acceptable; expected {expected}")

    def _context(self, caller: Caller, *, request_id: str) -> Context:
        return Context(
            database=self._database,
            notices=self._notices,
            object_store=self._object_store,
            request_id=request_id,
            caller=caller,
        )

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


def _refused(status: int, kind: str, message: str) -> Response:
    """Answer a request that was not run, in the form in which AppSync's clients find the type and the message."""
    body = {"message": message, "errors": [{"errorType": kind, "message": message}]}
    return Response(json.dumps(body), status, {"x-amzn-errortype": kind}, "application/json")
