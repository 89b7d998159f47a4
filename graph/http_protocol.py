"""What uvicorn leaves out of HTTP: an end to waiting for a request, and bodies that come with an upgrade we decline."""

import asyncio
from typing import Any, ClassVar

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    # From its first byte to its last, or from the connection's beginning; then we hang up.
    head_within_s: ClassVar[float] = 10
    # AppSync's clients put a whole token into a header of up to 64 KiB.
    head_bytes_at_most: ClassVar[int] = 128 * 1024

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._has_head = False
        self._head_bytes = 0
        self._hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; as uvicorn does, but for what follows a declined upgrade, which it throws away."""
        if self._hang_up is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        self._unset_keepalive_if_required()
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

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the head is to be read again."""
        self._has_head = True
        self._head_bytes = 0
        self._wait_no_more()
        if not self._is_to_be_read_again():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next request; where this one was answered already, for as long as after any answer."""
        self._has_head = False
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
        self._hang_up = self.loop.call_later(self.head_within_s, self.timeout_keep_alive_handler)

    def _wait_no_more(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None
