"""
What uvicorn leaves out of HTTP.

An end to waiting for a request, bodies that come with an upgrade we decline, and a short way for what has a plan.
"""

import asyncio
from math import inf
from typing import Any, ClassVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from graph.web.fast_path import FastPath, Head


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    # From its first byte to its last, or from the connection's beginning; then we hang up.
    head_within_s: ClassVar[float] = 10
    # AppSync's clients put a whole token into a header of up to 64 KiB.
    head_bytes_at_most: ClassVar[int] = 128 * 1024
    # What takes longer to follow its head goes the usual way, and has its time there.
    short_body_within_s: ClassVar[float] = 1

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._has_head = False
        self._head_bytes = 0
        self._hang_up: asyncio.TimerHandle | None = None
        # Whether the parser has been given a part of a request, and not all of it.
        self._is_in_request = False
        self._short_way: FastPath | None = self.app_state.get("short_way")
        # The head of a request that may go the short way, and whose body has not come yet.
        self._begun = b""
        # While one is on its way: what came behind it, and whether nothing more is to be answered.
        self._on_its_way: asyncio.Task[None] | None = None
        self._behind = bytearray()
        self._is_last = False
        # When one was answered last, as the loop tells time.
        self._answered_at = -inf
        # What is known of a request that did not come through.
        self._known: dict[str, Any] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        self._begun = b""
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection after what is being answered, or at once."""
        if self._on_its_way is not None:
            self._is_last = True
            return
        self._end_short_wait()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Read on: what may go the short way is not even shown to the parser."""
        if self._on_its_way is not None:
            self._behind += data
            self.flow.pause_reading()
            return
        if self._is_in_request or self._short_way is None or not self._is_answered():
            self._read(data)
        elif self._begun:
            self._wait_no_more()
            self._begun, data = b"", self._begun + data
            if not self._is_taken(data, self._short_way, is_all=True):
                self._read(data)
        elif not self._is_taken(data, self._short_way, is_all=False):
            self._read(data)

    def timeout_keep_alive_handler(self) -> None:
        """Hang up on who has asked for nothing since the last answer."""
        is_asking = self._on_its_way is not None or self._begun
        left_s = self.timeout_keep_alive - (0 if is_asking else self.loop.time() - self._answered_at)
        if left_s > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        self._is_in_request = True
        super().on_message_begin()
        if self._known:
            scope: Any = self.scope
            scope.update(self._known)
            self._known = {}

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is to be read again."""
        self._has_head = True
        self._head_bytes = 0
        self._wait_no_more()
        if not self._is_to_be_read_again():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request; where this one was answered already, for as long as after any answer."""
        self._is_in_request = self._has_head = False
        self._head_bytes = 0
        if self._is_to_be_read_again():
            return
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._wait_no_more()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _read(self, data: bytes) -> None:
        """Read on as uvicorn does, but for what follows a declined upgrade, which it throws away."""
        self._unset_keepalive_if_required()
        if self._hang_up is None and self._is_answered():
            self._wait()
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
            elif self._is_to_be_read_again():
                self._decline_upgrade(data[upgrade.args[0] :])
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if not self._has_head and self._head_bytes > self.head_bytes_at_most:
            self.send_400_response(f"The head of a request has at most {self.head_bytes_at_most} bytes.")

    def _is_taken(self, data: bytes, fast_path: FastPath, *, is_all: bool) -> bool:
        """Tell whether what has come of a request goes the short way; unless that is all, its body may follow."""
        end = data.find(b"\r\n\r\n") + 4
        head = fast_path.head(data[:end], self.client, self.scheme, self.config.forwarded_allow_ips)
        if head is None:
            return False
        missing = end + head.body_bytes - len(data)
        if missing > 0 and not is_all:
            self._begun = data
            self._wait_no_more()
            self._hang_up = self.loop.call_later(self.short_body_within_s, self._end_short_wait)
            return True
        if missing:
            return False
        self._wait_no_more()
        self._on_its_way = self.loop.create_task(self._answer_shortly(fast_path, head, data, end))
        self.tasks.add(self._on_its_way)
        return True

    def _expect_another(self) -> None:
        """Expect another request; the timer that runs is let run, since to begin it anew takes a while."""
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        self.flow.resume_reading()
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _end_short_wait(self) -> None:
        if self._begun:
            self._wait_no_more()
            self._begun, data = b"", self._begun
            self._read(data)

    async def _answer_shortly(self, fast_path: FastPath, head: Head, data: bytes, end: int) -> None:
        known: dict[str, Any] = {}
        try:
            answer = await fast_path.answer(head, data[end:], known)
            if self.flow.write_paused:
                await self.flow.drain()
        except BaseException:
            # Nobody is to wait for an answer that will not come.
            self.transport.close()
            raise
        finally:
            self.tasks.discard(self._on_its_way)
            self._on_its_way = None
        if self.transport.is_closing():
            return
        if answer is None:
            self._known = known
            self._read(data)
            if self._is_last:
                super().shutdown()
        else:
            always = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
            close = b"connection: close\r\n" if self._is_last else b""
            self.transport.write(b"".join([STATUS_LINE[answer.status], *always, close, answer.rest]))
            if self._is_last:
                self.transport.close()
            self._expect_another()
        if self._behind and not self.transport.is_closing():
            behind = bytes(self._behind)
            self._behind.clear()
            self.data_received(behind)

    def _is_to_be_read_again(self) -> bool:
        # RFC 9110, 7.8: a server may ignore an upgrade. The parser cannot, and takes no body for the request's.
        return self.parser.should_upgrade() and self._get_upgrade() not in (None, b"websocket")

    def _decline_upgrade(self, rest: bytes) -> None:
        """Read the head again as if it asked for no upgrade, and then what follows it."""
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        head = b"\r\n".join([first, *(b"%b: %b" % header for header in kept), b"", b""])
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(head + rest)

    def _wait(self) -> None:
        self._hang_up = self.loop.call_later(self.head_within_s, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None
