"""
The origins whose pages may call the server from a browser, and the host names that the server answers to.

A browser lets any page send requests to any address, including this machine's own. The middleware here rejects requests
from pages of foreign origins. Programs other than browsers send no Origin header; they need an API key all the same.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from graph.protocols.http import refused

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@*]+")
# These methods change nothing; CORS headers decide whether a page may read the response.
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Load balancers probe these by any host name or address; the responses hold nothing confidential.
PROBE_PATHS = ("/livez", "/readyz")


class InvalidOrigin(Exception):
    """A text that is not an origin."""


@dataclass(frozen=True)
class Pages:
    """The origins other than the server's own whose pages may call it: a list of them, or all that match a pattern."""

    origins: tuple[str, ...] = ()
    pattern: str | None = None

    def include(self, origin: str) -> bool:
        """Return whether a page of this origin may call the server."""
        if "*" in self.origins or origin in self.origins:
            return True
        return self.pattern is not None and re.fullmatch(self.pattern, origin) is not None


NO_PAGES = Pages()
PAGES_OF_THIS_MACHINE = Pages(pattern=r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


def pages_of(text: str) -> Pages:
    """Parse a comma-separated list of origins. Raises InvalidOrigin."""
    origins = tuple(each.strip().rstrip("/").lower() for each in text.split(",") if each.strip())
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise InvalidOrigin(
                f"{origin} is not an origin; expected one such as https://app.example.com, or * for all."
            )
    return Pages(origins)


@lru_cache(maxsize=100)
def is_of_this_machine(host: str) -> bool:
    """Return whether a host, with or without a port, is localhost or a loopback address: always this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class OwnPagesOnly:
    """
    Rejects WebSockets and unsafe methods from pages of foreign origins. CORS protects against neither of these.

    A page needs an API key as well, so this is a second check.
    """

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in SAFE_METHODS):
            headers = Headers(scope=scope)
            origin, host = headers.get("origin"), headers.get("host", "")
            if origin is not None and not is_at(origin, host) and not self._pages.include(origin.lower()):
                message = f"Pages of {origin} may not call {host}: VPP_CORS_ORIGINS does not list this origin."
                await _respond(refused(403, "AccessDeniedException", message), scope, receive, send)
                return
        await self._app(scope, receive, send)


class OwnNamesOnly:
    """
    Answers only requests whose Host header is a name of this machine.

    Otherwise the owner of any domain could resolve it to 127.0.0.1, and the browser would take their page and this
    server for one origin (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBE_PATHS:
            host = Headers(scope=scope).get("host", "")
            if not is_of_this_machine(host):
                message = "This server answers to localhost and 127.0.0.1 only; for other names, start it with --host."
                await _respond(PlainTextResponse(message, 421), scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_at(origin: str, host: str) -> bool:
    """Return whether an origin has this host and port. Its scheme may differ: a proxy in front may terminate TLS."""
    return bool(host) and urlsplit(origin.lower()).netloc == host.lower()


async def _respond(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
