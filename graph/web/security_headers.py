"""
The security headers of every response: CSP, HSTS, nosniff, framing.

Sources: the Fetch, HTML and Content Security Policy standards; RFC 6797 for Strict-Transport-Security.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graph.web.origins import is_of_this_machine

DEFAULT_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # This header does not affect CORS requests, with which pages of other origins read responses.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    # The policy of responses that are not pages; pages set their own policy.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
UNCACHED_HEADERS = (*DEFAULT_HEADERS, (b"cache-control", b"no-store"))
# The files of the console hold no secret, so they may be cached.
STATIC_PATH = "/static/"
HSTS_MAX_AGE_S = 365 * 24 * 3600


def headers_for(scope: Scope, host: str) -> Sequence[tuple[bytes, bytes]]:
    """Return the default security headers of a response."""
    headers = DEFAULT_HEADERS if scope["path"].startswith(STATIC_PATH) else UNCACHED_HEADERS
    # HSTS applies to all ports of a host name: on localhost it would force TLS on every other program's server.
    if scope["scheme"] in ("https", "wss") and not is_of_this_machine(host):
        return (*headers, (b"strict-transport-security", b"max-age=%d" % HSTS_MAX_AGE_S))
    return headers


class SecurityHeaders:
    """Adds the security headers to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = headers_for(scope, Headers(scope=scope).get("host", ""))

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in headers if each[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def page_policy(origins: Sequence[str]) -> str:
    """Return the content security policy of the console: its own files, and connections to itself and these origins."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            # GraphiQL's editors insert style elements, and their style sheets hold a font and images as data URLs.
            "style-src 'self' 'unsafe-inline'",
            "font-src 'self' data:",
            "img-src 'self' data:",
            " ".join(("connect-src 'self'", *origins)),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
