"""The Starlette application: its routes, its middleware, and the connections that live as long as it does."""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select, text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

import db.migrations
from db.engine.database import Database
from db.engine.notices import Notices
from graph.auth.authentication import Authenticator
from graph.auth.key_cache import KeyCache
from graph.auth.oidc import OidcIssuer
from graph.auth.own_tokens import OwnTokens
from graph.auth.signatures import SignatureVerifier
from graph.object_store import ObjectStore, ObjectStoreAddress, open_object_store
from graph.operations.documents import Documents
from graph.protocols.admission import Admission
from graph.protocols.endpoint import Endpoint
from graph.protocols.http import CORS
from graph.protocols.request_rate import RequestRate, TooManyRequests
from graph.protocols.websocket import SocketTimeouts
from graph.settings import DatabaseSettings, OidcSettings, OwnTokenSettings
from graph.web import oauth as tokens
from graph.web.amplify_outputs import amplify_outputs, aws_region
from graph.web.assets import Assets
from graph.web.console import STATIC, console_routes
from graph.web.fast_path import GZIP_LEVEL, GZIP_MIN_BYTES, FastPath
from graph.web.origins import (
    NO_PAGES,
    PAGES_OF_THIS_MACHINE,
    OwnNamesOnly,
    OwnPagesOnly,
    Pages,
    is_of_this_machine,
)
from graph.web.request_id import RequestId
from graph.web.security_headers import SecurityHeaders

READINESS_TTL_S = 1.0

log = structlog.get_logger()


def application(
    *,
    database_url: str,
    object_store: ObjectStoreAddress,
    bootstrap_api_key: str | None,
    embedded: bool,
    host: str = "127.0.0.1",
    pages: Pages | None = None,
    timeouts: SocketTimeouts | None = None,
    documents: Documents | None = None,
    database_settings: DatabaseSettings | None = None,
    oidc: OidcSettings | None = None,
    own_tokens: OwnTokenSettings | None = None,
) -> Starlette:
    """
    Return the application. It is served on `host`. Its own pages and `pages` may call it from a browser.

    With embedded servers, and reachable from this machine alone, its own pages hold the bootstrap API key. `documents`
    holds the limits of operations; if it is None, introspection is allowed only if the servers are embedded.
    """
    oidc_settings, own_token_settings = oidc or OidcSettings(), own_tokens or OwnTokenSettings()
    documents = documents or Documents(introspection=embedded)
    pools = database_settings or DatabaseSettings()
    rate = RequestRate(documents.limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, FastPath]]:
        database = Database(
            database_url,
            pool_size=pools.pool_size,
            read_pool_size=pools.read_pool_size,
            write_pool_size=pools.write_pool_size,
            statement_timeout_s=documents.limits.statement_timeout_s,
        )
        notices = Notices(database_url)
        async with open_object_store(object_store) as store, notices.listening():
            app.state.database, app.state.object_store, app.state.rate = database, store, rate
            keys = KeyCache(database, notices)
            app.state.own_tokens = OwnTokens(database, keys, own_token_settings)
            app.state.oidc_issuer = OidcIssuer(oidc_settings) if oidc_settings.issuer else None
            issuers: list[OwnTokens | OidcIssuer] = [app.state.own_tokens]
            if app.state.oidc_issuer is not None:
                issuers.append(app.state.oidc_issuer)
            authenticator = Authenticator(database, keys, bootstrap_api_key=bootstrap_api_key, issuers=issuers)
            endpoint = Endpoint(
                admission=Admission(authenticator, rate, documents),
                signatures=SignatureVerifier(authenticator, database, region=region),
                database=database,
                notices=notices,
                object_store=store,
                timeouts=timeouts,
            )
            app.state.endpoint = endpoint
            watching = asyncio.create_task(authenticator.watch_revocations(notices))
            yield {"fast_path": FastPath(endpoint, for_this_machine=for_this_machine)}
            watching.cancel()
            await endpoint.close()
            for issuer in issuers:
                await issuer.close()
            await keys.close()
            await rate.close()
        await database.close()

    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await scope["app"].state.endpoint(scope, receive, send)

    region = aws_region(object_store.region)
    for_this_machine = embedded and is_of_this_machine(f"[{host}]" if ":" in host else host)
    shown_key = bootstrap_api_key if for_this_machine else None
    if pages is None:
        pages = PAGES_OF_THIS_MACHINE if embedded else NO_PAGES
    cors = {"allow_origins": pages.origins, "allow_origin_regex": pages.pattern, **CORS}

    return Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(RequestId),
            Middleware(SecurityHeaders),
            *([Middleware(OwnNamesOnly)] if for_this_machine else []),
            Middleware(OwnPagesOnly, pages),
            Middleware(GZipMiddleware, minimum_size=GZIP_MIN_BYTES, compresslevel=GZIP_LEVEL),
        ],
        routes=[
            *console_routes(api_key=shown_key, oidc=oidc_settings),
            Route("/graphql", _Asgi(graphql), middleware=[Middleware(CORSMiddleware, **cors)]),
            WebSocketRoute("/graphql", _Asgi(graphql)),
            WebSocketRoute("/graphql/realtime", _Asgi(graphql)),
            Route("/amplify_outputs.json", amplify_outputs(api_key=shown_key, region=region)),
            *tokens.ROUTES,
            Route("/livez", _livez),
            Route("/readyz", Readiness(rate)),
            Route("/metrics", lambda _request: Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)),
            Mount("/static/assets", Assets(directory=STATIC / "assets", check_dir=False)),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
        ],
    )


async def _livez(_request: Request) -> Response:
    """GET /livez: answers while the process runs, with its version and the revision that its image was built from."""
    return JSONResponse(
        {"status": "alive", "version": version("vpp"), "revision": os.environ.get("VPP_BUILD_REVISION")}
    )


class Readiness:
    """
    GET /readyz: whether the database answers, is migrated to this version, and the object store answers.

    A result holds for READINESS_TTL_S, and simultaneous requests share one check, so the load does not grow with the
    number of probes.
    """

    def __init__(self, rate: RequestRate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._checked_at = -math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._respond(Request(scope)))(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            await self._rate.count_address(request.scope.get("client"))
        except TooManyRequests as refusal:
            return PlainTextResponse(str(refusal), 429, {"retry-after": str(refusal.retry_after_s)})
        async with self._lock:
            if self._clock() - self._checked_at >= READINESS_TTL_S:
                self._checks = await _checks(request.app.state.database, request.app.state.object_store)
                self._checked_at = self._clock()
        return JSONResponse(self._checks, 200 if set(self._checks.values()) == {"ok"} else 503)


async def _checks(database: Database, store: ObjectStore) -> dict[str, str]:
    checks: dict[str, str] = {}
    try:
        migrated = await database.row(select(func.to_regclass("alembic_version")))
        row = await database.row(select(text("version_num from alembic_version"))) if migrated and migrated[0] else None
        latest = await asyncio.to_thread(db.migrations.latest_revision)
        checks["database"] = "ok"
        checks["migrations"] = (
            "ok" if row and row[0] == latest else f"at {row and row[0]}, not {latest}: run vpp migrate"
        )
    except Exception as error:
        log.warning("The database does not answer", reason=str(error))
        checks["database"] = "no answer"
    try:
        await store.ping()
        checks["object_store"] = "ok"
    except Exception as error:
        log.warning("The object store does not answer", reason=str(error))
        checks["object_store"] = "no answer"
    return checks


class _Asgi:
    """An ASGI application as the endpoint of a route. (Starlette takes a plain function for a request handler.)"""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
