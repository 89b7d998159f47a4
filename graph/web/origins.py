"""
Which pages may call us from a browser, and by which names we are called.

A browser lets any page send requests to any address, this machine's own among them; what follows keeps strangers' pages
from doing so. Programs that are no browser send no Origin, and are known by their keys alone.
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
# What does nothing but read; whether a page sees the answer is for CORS to say.
READING = ("GET", "HEAD", "OPTIONS")
# Probes come by whatever address they were given, and are told nothing of interest.
PROBED = ("/livez", "/readyz")


class NoOrigin(Exception):
    """What should be an origin is none."""


@dataclass(frozen=True)
class Pages:
    """The pages, beside our own, that may call us: those of some origins, or of all that match a pattern."""

    origins: tuple[str, ...] = ()
    pattern: str | None = None

    def include(self, origin: str) -> bool:
        """Tell whether a page of this origin may call us."""
        if "*" in self.origins or origin in self.origins:
            return True
        return self.pattern is not None and re.fullmatch(self.pattern, origin) is not None


NO_PAGES = Pages()
PAGES_OF_THIS_MACHINE = Pages(pattern=r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


def pages_of(text: str) -> Pages:
    """Read a list of origins. Raises NoOrigin."""
    origins = tuple(each.strip().rstrip("/").lower() for each in text.split(",") if each.strip())
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise NoOrigin(f"{origin} is no origin; expected one such as https://app.example.com, or * for all.")
    return Pages(origins)


@lru_cache(maxsize=100)
def is_of_this_machine(host: str) -> bool:
    """Tell whether a host, with or without a port, is localhost or a loopback address: what nobody else can own."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


class OwnPagesOnly:
    """
    Refuses what pages of foreign origins send: WebSockets, which CORS does not cover, and all that may change things.

    A page can send no key of ours unless it was given one, so this is a second lock beside that of the key.
    """

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in READING):
            headers = Headers(scope=scope)
            origin, host = headers.get("origin"), headers.get("host", "")
            if origin is not None and not is_at(origin, host) and not self._pages.include(origin.lower()):
                told = f"Pages of {origin} may not call {host}: VPP_CORS_ORIGINS does not name their origin."
                await _answer(refused(403, "AccessDeniedException", told), scope, receive, send)
                return
        await self._app(scope, receive, send)


class OwnNamesOnly:
    """
    Answers to the names of this machine alone.

    Any other name may be made to lead here by whoever owns it, and a page of theirs would then pass for one of ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBED:
            host = Headers(scope=scope).get("host", "")
            if not is_of_this_machine(host):
                told = "This server is for this machine alone: call it localhost or 127.0.0.1, or serve with --host."
                await _answer(PlainTextResponse(told, 421), scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_at(origin: str, host: str) -> bool:
    """Tell whether an origin's host and port are these. Its scheme may differ: what stands in front may speak TLS."""
    return bool(host) and urlsplit(origin.lower()).netloc == host.lower()


async def _answer(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
