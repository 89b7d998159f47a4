"""
Uvicorn's HTTP protocol, with three additions.

They are a timeout and a size limit for request heads, support for declined `Upgrade` headers, and the fast path.
"""

import asyncio
from math import inf
from typing import Any, ClassVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graph.web.fast_path import FastPath, Head


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    # A head must arrive within this time from its first byte; the first head, from the time at which the connection was
    # made.
    head_timeout_s: ClassVar[float] = 10
    # AppSync's clients put a whole JWT into a header of up to 64 KiB.
    max_head_bytes: ClassVar[int] = 128 * 1024
    # A request whose body takes longer is given to the standard path, which has a separate timeout for bodies.
    fast_path_body_timeout_s: ClassVar[float] = 1

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._has_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        # Whether uvicorn's parser holds the beginning of a request.
        self._is_in_request = False
        self._fast_path: FastPath | None = self.app_state.get("fast_path")
        # The bytes of a request for the fast path whose body is incomplete.
        self._incomplete = b""
        # The task that answers on the fast path; the bytes that arrive meanwhile; whether to close the connection after
        # it.
        self._answering: asyncio.Task[None] | None = None
        self._buffered = bytearray()
        self._is_last = False
        # The loop's time of the last answer.
        self._answered_at = -inf
        # Scope entries (request id, counters already charged) for a request that falls back from the fast path.
        self._fallback_state: dict[str, Any] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for the first request head."""
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._cancel_head_timer()
        self._incomplete = b""
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection: after the request that is being answered, or now."""
        if self._answering is not None:
            self._is_last = True
            return
        self._end_body_wait()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Try the fast path for a new request; give all other bytes to uvicorn's parser."""
        if self._answering is not None:
            self._buffered += data
            self.flow.pause_reading()
            return
        if self._is_in_request or self._fast_path is None or not self._is_idle():
            self._parse(data)
        elif self._incomplete:
            self._cancel_head_timer()
            self._incomplete, data = b"", self._incomplete + data
            if not self._try_fast_path(data, self._fast_path, is_all=True):
                self._parse(data)
        elif not self._try_fast_path(data, self._fast_path, is_all=False):
            self._parse(data)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if no request has begun since the last answer."""
        has_request = self._answering is not None or self._incomplete
        left_s = self.timeout_keep_alive - (0 if has_request else self.loop.time() - self._answered_at)
        if left_s > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """Hand the state of a request that fell back from the fast path to its ASGI scope."""
        self._is_in_request = True
        super().on_message_begin()
        if self._fallback_state:
            scope: Any = self.scope
            scope.update(self._fallback_state)
            self._fallback_state = {}

    def on_headers_complete(self) -> None:
        """Start the ASGI application, except if the head asks for an upgrade that is declined."""
        self._has_head = True
        self._head_bytes = 0
        self._cancel_head_timer()
        if not self._is_declined_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request; if this one was answered before its end, restart the keep-alive timeout here."""
        self._is_in_request = self._has_head = False
        self._head_bytes = 0
        if self._is_declined_upgrade():
            return
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._cancel_head_timer()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _parse(self, data: bytes) -> None:
        """Parse as uvicorn does, but keep the bytes that follow a declined upgrade, which uvicorn drops."""
        self._unset_keepalive_if_required()
        if self._head_timer is None and self._is_idle():
            self._start_head_timer()
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._is_declined_upgrade():
                self._decline_upgrade(data[upgrade.args[0] :])
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if not self._has_head and self._head_bytes > self.max_head_bytes:
            self.send_400_response(f"The request head is longer than {self.max_head_bytes} bytes.")

    def _try_fast_path(self, data: bytes, fast_path: FastPath, *, is_all: bool) -> bool:
        """
        Answer a request on the fast path, and return whether the fast path supports it.

        If its body is incomplete, wait once for more bytes; with `is_all`, that wait is over.
        """
        end = data.find(b"\r\n\r\n") + 4
        head = fast_path.head(data[:end], self.client, self.scheme, self.config.forwarded_allow_ips)
        if head is None:
            return False
        missing = end + head.body_bytes - len(data)
        if missing > 0 and not is_all:
            self._incomplete = data
            self._cancel_head_timer()
            self._head_timer = self.loop.call_later(self.fast_path_body_timeout_s, self._end_body_wait)
            return True
        if missing:
            return False
        self._cancel_head_timer()
        self._answering = self.loop.create_task(self._answer(fast_path, head, data, end))
        self.tasks.add(self._answering)
        return True

    def _restart_keep_alive(self) -> None:
        """Restart the keep-alive timeout: a running timer checks `_answered_at`, which is cheaper than a new timer."""
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        self.flow.resume_reading()
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _end_body_wait(self) -> None:
        if self._incomplete:
            self._cancel_head_timer()
            self._incomplete, data = b"", self._incomplete
            self._parse(data)

    async def _answer(self, fast_path: FastPath, head: Head, data: bytes, end: int) -> None:
        state: dict[str, Any] = {}
        try:
            answer = await fast_path.answer(head, data[end:], state)
            if self.flow.write_paused:
                await self.flow.drain()
        except BaseException:
            # No answer will come, so the client must not wait for one.
            self.transport.close()
            raise
        finally:
            self.tasks.discard(self._answering)
            self._answering = None
        if self.transport.is_closing():
            return
        if answer is None:
            self._fallback_state = state
            self._parse(data)
            if self._is_last:
                super().shutdown()
        else:
            default_headers = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
            close = b"connection: close\r\n" if self._is_last else b""
            self.transport.write(b"".join([STATUS_LINE[answer.status], *default_headers, close, answer.rest]))
            if self._is_last:
                self.transport.close()
            self._restart_keep_alive()
        if self._buffered and not self.transport.is_closing():
            buffered = bytes(self._buffered)
            self._buffered.clear()
            self.data_received(buffered)

    def _is_declined_upgrade(self) -> bool:
        # RFC 9110, 7.8, lets a server ignore an upgrade. httptools cannot ignore it: it then reads no body.
        return self.parser.should_upgrade() and self._get_upgrade() not in (None, b"websocket")

    def _decline_upgrade(self, rest: bytes) -> None:
        """Parse the head again without its `Upgrade` header, and then the bytes that follow it."""
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head = b"\r\n".join([first, *(b"%b: %b" % header for header in kept), b"", b""])
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(head + rest)

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.close)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
