"""The Starlette application: its routes, and what lives as long as it does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

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
from graph.protocols.endpoint import Endpoint
from graph.protocols.http import CORS
from graph.protocols.request_rate import RequestRate
from graph.protocols.websocket import SocketTimeouts
from graph.settings import OidcSettings, OwnTokenSettings
from graph.web import oauth as tokens
from graph.web.amplify_outputs import amplify_outputs, aws_region
from graph.web.assets import Assets
from graph.web.console import STATIC, console_routes
from graph.web.fast_path import GZIP_FROM_BYTES, GZIP_LEVEL, FastPath
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
    oidc: OidcSettings | None = None,
    own_tokens: OwnTokenSettings | None = None,
) -> Starlette:
    """
    Make the application, which is listened to on `host`, and which `pages` may call beside its own.

    Embedded, and for this machine alone, its own hold the key with which they work. `documents` says what may be asked;
    without it, the schema may be asked for only where we are embedded.
    """
    oidc_settings, own_token_settings = oidc or OidcSettings(), own_tokens or OwnTokenSettings()
    documents = documents or Documents(introspection=embedded)
    rate = RequestRate(documents.limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[Mapping[str, FastPath]]:
        database = Database(database_url, statement_timeout_s=documents.limits.statement_timeout_s)
        notices = Notices(database_url)
        async with open_object_store(object_store) as store, notices.listening():
            app.state.database, app.state.object_store, app.state.rate = database, store, rate
            keys = KeyCache(database, notices)
            app.state.own_tokens = OwnTokens(database, keys, own_token_settings)
            app.state.oidc_issuer = OidcIssuer(oidc_settings) if oidc_settings.issuer else None
            issuers: list[OwnTokens | OidcIssuer] = [app.state.own_tokens]
            if app.state.oidc_issuer is not None:
                issuers.append(app.state.oidc_issuer)
            access = Authenticator(database, keys, bootstrap_api_key=bootstrap_api_key, issuers=issuers)
            endpoint = Endpoint(
                access=access,
                signatures=SignatureVerifier(access, database, region=region),
                database=database,
                notices=notices,
                object_store=store,
                documents=documents,
                rate=rate,
                timeouts=timeouts,
            )
            app.state.endpoint = endpoint
            watching = asyncio.create_task(access.watch_revocations(notices))
            yield {"short_way": FastPath(endpoint, for_this_machine=for_this_machine)}
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
            Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL),
        ],
        routes=[
            *console_routes(api_key=shown_key, oidc=oidc_settings),
            Route("/graphql", _Asgi(graphql), middleware=[Middleware(CORSMiddleware, **cors)]),
            WebSocketRoute("/graphql", _Asgi(graphql)),
            WebSocketRoute("/graphql/realtime", _Asgi(graphql)),
            Route("/amplify_outputs.json", amplify_outputs(api_key=shown_key, region=region)),
            *tokens.ROUTES,
            Route("/livez", lambda _request: PlainTextResponse("alive")),
            Route("/readyz", readyz),
            Route("/metrics", lambda _request: Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)),
            Mount("/static/assets", Assets(directory=STATIC / "assets", check_dir=False)),
            Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
        ],
    )


async def readyz(request: Request) -> Response:
    """Say whether the database answers with the schema this code knows, and the object store answers at all."""
    database: Database = request.app.state.database
    store: ObjectStore = request.app.state.object_store
    checks: dict[str, str] = {}
    try:
        migrated = await database.row(select(func.to_regclass("alembic_version")))
        row = await database.row(select(text("version_num from alembic_version"))) if migrated and migrated[0] else None
        known = db.migrations.latest_revision()
        checks["database"] = "ok"
        checks["migrations"] = "ok" if row and row[0] == known else f"at {row and row[0]}, not {known}: run vpp migrate"
    except Exception as error:
        log.warning("The database does not answer", reason=str(error))
        checks["database"] = "no answer"
    try:
        await store.ping()
        checks["object_store"] = "ok"
    except Exception as error:
        log.warning("The object store does not answer", reason=str(error))
        checks["object_store"] = "no answer"
    ready = set(checks.values()) == {"ok"}
    return JSONResponse(checks, 200 if ready else 503)


class _Asgi:
    """An ASGI application as the endpoint of a route: Starlette takes a plain function for a handler of requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
