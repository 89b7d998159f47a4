"""
What browsers are told to beware of, with every answer.

Sources: the Fetch, HTML and Content Security Policy standards; RFC 6797 for Strict-Transport-Security.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.web.origins import is_of_this_machine

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Whoever may read us from elsewhere does so by CORS, which this is not about.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    # What is no page needs nothing; pages bring a policy of their own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
ALWAYS_NOT_KEPT = (*ALWAYS, (b"cache-control", b"no-store"))
# The files of our pages, which hold no secret.
FILES = "/static/"
A_YEAR_S = 365 * 24 * 3600


def headers_for(scope: Scope, host: str) -> Sequence[tuple[bytes, bytes]]:
    """Return what goes with an answer that says nothing else."""
    wanted = ALWAYS if scope["path"].startswith(FILES) else ALWAYS_NOT_KEPT
    # It holds for a name and all its ports: of localhost it would shut every other program's.
    if scope["scheme"] in ("https", "wss") and not is_of_this_machine(host):
        return (*wanted, (b"strict-transport-security", b"max-age=%d" % A_YEAR_S))
    return wanted


class SecurityHeaders:
    """Adds them to what has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        wanted = headers_for(scope, Headers(scope=scope).get("host", ""))

        async def send_with_them(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in wanted if each[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_them)


def page_policy(origins: Sequence[str]) -> str:
    """Return the policy of our page: all it needs is ours, but for what it asks of these origins."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            # GraphiQL's editors write their themes into the page, and bring a font and pictures in their style sheets.
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            "img-src 'self' data:",
            " ".join(("connect-src 'self'", *origins)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
