"""
The console: a single-page application, served at every path that its router knows.

It is an ordinary client of the API. The server passes it settings in `meta` elements of the page's head.
"""

import html
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from graph.auth.oidc import OidcIssuer
from graph.object_store import ObjectStore, ObjectStoreUnavailable
from graph.protocols.http import MethodNotAllowed
from graph.settings import OidcSettings, is_safe_to_fetch
from graph.web.security_headers import page_policy

STATIC = Path(__file__).parents[1] / "static"
SECTIONS = ("vpps", "sites", "imports", "reports", "parks", "access", "sign-in")
PATHS = ("/", *(f"/{section}{rest}" for section in SECTIONS for rest in ("", "/{rest:path}")))


def console_routes(*, api_key: str | None, oidc: OidcSettings) -> Sequence[Route]:
    """Return the routes of the page; it holds the API key, if one is given, and the settings for signing in by OIDC."""
    page = _page({"api-key": api_key or "", **_sign_in(oidc)})

    async def console(request: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": await _policy(request)})

    async def graphiql(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            return MethodNotAllowed(method=request.method).answer()
        return await console(request)

    # The page has no CORS headers: a page of another origin must not read the key in it.
    return [*(Route(path, console) for path in PATHS), Route("/graphql", graphiql)]


def _page(settings: dict[str, str]) -> str:
    try:
        page = (STATIC / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return "The console is not built; `pip install .` builds it."
    for name, content in settings.items():
        page = page.replace(_meta(name, ""), _meta(name, content))
    return page


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{html.escape(content)}">'


def _sign_in(oidc: OidcSettings) -> dict[str, str]:
    # With VPP_OIDC_JWKS_URL, the issuer need not be an https URL; a browser cannot sign in at such an issuer.
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
    # Without the object store there are no presigned links, so the page needs no connection to it.
    with suppress(ObjectStoreUnavailable):
        origins.append(await store.origin())
    if issuer is not None:
        origins += await issuer.origins()
    return page_policy(origins)
