"""
The console: one page, at every address of its own, which tells them apart itself.

It is a client of the API like any other; all the server tells it stands in the `meta` elements of its head.
"""

import html
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from graph.auth.oidc import OidcIssuer
from graph.object_store import ObjectStore, ObjectStoreAway
from graph.protocols.http import MethodNotAllowed
from graph.settings import OidcSettings, is_safe_to_fetch
from graph.web.security_headers import page_policy

STATIC = Path(__file__).parents[1] / "static"
PLACES = ("vpps", "sites", "imports", "reports", "parks", "access", "sign-in")
ADDRESSES = ("/", *(f"/{place}{below}" for place in PLACES for below in ("", "/{rest:path}")))


def console_routes(*, api_key: str | None, oidc: OidcSettings) -> Sequence[Route]:
    """Return the routes of the page, which holds an API key where one is given, and where to sign in by OIDC."""
    page = _page({"api-key": api_key or "", **_sign_in(oidc)})

    async def console(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": await _policy(request)})

    async def graphiql(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return MethodNotAllowed(method=request.method).answer()
        return await console(request)

    # Without CORS: a page of another origin must not read the key that this one holds.
    return [*(Route(address, console) for address in ADDRESSES), Route("/graphql", graphiql)]


def _page(told: dict[str, str]) -> str:
    try:
        page = (STATIC / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return "The console is not built; pip install builds it."
    for name, content in told.items():
        page = page.replace(_meta(name, ""), _meta(name, content))
    return page


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{html.escape(content)}">'


def _sign_in(oidc: OidcSettings) -> dict[str, str]:
    # Of an issuer that is no address, or an unsafe one, whose keys were given by hand, a browser can ask nothing.
    if oidc.issuer is None or not is_safe_to_fetch(oidc.issuer):
        return {}
    return {
        "oidc-issuer": oidc.issuer,
        "oidc-client-id": oidc.client_id or oidc.audience[0],
        "oidc-scope": oidc.scope,
    }


async def _policy(request: Request) -> str:
    store: ObjectStore = request.app.state.object_store
    issuer: OidcIssuer | None = request.app.state.oidc_issuer
    origins: list[str] = []
    # While it is away, there is no link to put a file to.
    with suppress(ObjectStoreAway):
        origins.append(await store.origin())
    if issuer is not None:
        origins += await issuer.origins()
    return page_policy(origins)
