"""The base of both WebSocket protocols: order of outgoing messages, limits on pending ones, timeouts, closing."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from graph.operations.json import JsonDecodeError, decode, encode
from graph.protocols.admission import Admission
from graph.protocols.request_rate import Client
from graph.protocols.subscriptions import Subscriptions

# If a client reads slowly, its subscription keeps the latest results only.
MAX_PENDING_RESULTS = 8
# If a client does not read its replies, no further message is read from it.
MAX_PENDING_REPLIES = 100
# The maximum number of subscriptions on one socket, as in AppSync.
MAX_SUBSCRIPTIONS = 100

log = structlog.get_logger()


@dataclass(frozen=True)
class SocketTimeouts:
    """Timeouts of a connection for subscriptions, in seconds."""

    to_initialise_s: float = 15
    # Without a subscription.
    idle_s: float = 600
    # The maximum age of a connection, as in AppSync; event streams have it too.
    open_s: float = 24 * 3600
    keep_alive_s: float = 30


class Socket(ABC):
    """
    One WebSocket.

    `run` reads messages and handles one after the other. A second task sends, so that a slow client blocks neither this
    task nor other clients.
    """

    subprotocol: ClassVar[str]

    def __init__(
        self, websocket: WebSocket, admission: Admission, subscriptions: Subscriptions, timeouts: SocketTimeouts
    ) -> None:
        self.websocket = websocket
        # Starlette's own `send` validates each message, which takes as long as sending it.
        self._send = websocket._send
        self.admission = admission
        self.shared_subscriptions = subscriptions
        self.timeouts = timeouts
        # The function that ends each running operation, by the id that the client gave it.
        self.running: dict[str, Callable[[], None]] = {}
        # These are lists, since an empty deque takes more memory than everything else that a socket holds.
        self._replies: list[str] = []
        self._results: dict[str, list[str]] = {}
        self._closing: tuple[int, str] | None = None
        # Futures: the sending task waits for the first while it has nothing to send, and the reading task for the
        # second while too many replies wait to be sent.
        self._until_pending: asyncio.Future[None] | None = None
        self._until_sent: asyncio.Future[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.on_end = ExitStack()

    @property
    def client(self) -> Client:
        """The address of the client."""
        client: Client = self.websocket.scope.get("client")
        return client

    @abstractmethod
    async def handle_message(self, message: Any) -> None:
        """Handle one message; it is valid JSON, of any shape."""

    @abstractmethod
    def handle_invalid(self) -> None:
        """Handle a frame that is not valid JSON."""

    async def run(self) -> None:
        """Accept the socket, and serve it until either side closes it."""
        await self.websocket.accept(self.subprotocol)
        timeouts = self.timeouts
        self.start_timer(
            timeouts.to_initialise_s, "initialise", lambda: self.close(4408, "Connection initialisation timeout")
        )
        self.start_timer(timeouts.open_s, "open", lambda: self.close(1001, "Connected for a day; connect again"))
        sending = asyncio.create_task(self._send_pending())
        try:
            while True:
                while len(self._replies) >= MAX_PENDING_REPLIES and not sending.done():
                    self._until_sent = asyncio.get_running_loop().create_future()
                    await self._until_sent
                received = await self.websocket.receive()
                if received["type"] == "websocket.disconnect":
                    return
                if self._closing is None:
                    await self._handle_frame(received.get("text"))
        finally:
            for timer in self._timers.values():
                timer.cancel()
            for end in self.running.values():
                end()
            self.running.clear()
            self.on_end.close()
            sending.cancel()

    def reply(self, message: dict[str, Any]) -> None:
        """Send a message ahead of all pending results."""
        self._replies.append(encode(message))
        self._wake_sender()

    def send_result(self, id: str, frame: str) -> None:
        """Send a result of an operation; of more than MAX_PENDING_RESULTS pending ones the oldest is dropped."""
        frames = self._results.setdefault(id, [])
        frames.append(frame)
        del frames[:-MAX_PENDING_RESULTS]
        self._wake_sender()

    def cancel(self, id: str) -> bool:
        """End an operation and drop its pending results; return False if no operation has this id."""
        is_running = self.remove(id)
        if is_running:
            self._results.pop(id, None)
        return is_running

    def remove(self, id: str) -> bool:
        """End an operation but still send its pending results; return False if no operation has this id."""
        end = self.running.pop(id, None)
        if end is None:
            return False
        end()
        self.restart_idle_timer()
        return True

    def restart_idle_timer(self) -> None:
        """Start the idle timeout if no operation is running, else stop it."""
        if self.running:
            self.cancel_timer("idle")
        else:
            self.start_timer(self.timeouts.idle_s, "idle", lambda: self.close(1000, "Nothing is subscribed to"))

    def close(self, code: int, reason: str) -> None:
        """Close the socket after all pending messages have been sent."""
        self._closing = self._closing or (code, reason)
        self._wake_sender()

    def start_timer(self, seconds: float, name: str, callback: Callable[[], None]) -> None:
        """Call back after a time, in place of the timer that has this name."""
        self.cancel_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, callback)

    def cancel_timer(self, name: str) -> None:
        """Cancel the timer of this name, if there is one."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    async def _handle_frame(self, text: str | None) -> None:
        try:
            message = decode(text or "")
        except JsonDecodeError:
            self.handle_invalid()
            return
        try:
            await self.handle_message(message)
        except Exception:
            log.exception("A message failed")
            self.close(1011, "Something went wrong on our side")

    def _wake_sender(self) -> None:
        if self._until_pending is not None and not self._until_pending.done():
            self._until_pending.set_result(None)

    def _wake_reader(self) -> None:
        if self._until_sent is not None and not self._until_sent.done():
            self._until_sent.set_result(None)
        self._until_sent = None

    async def _send_pending(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._replies or self._results:
                    await self._send({"type": "websocket.send", "text": self._next_frame()})
                    if self._until_sent is not None:
                        self._wake_reader()
                if self._closing is not None:
                    await self.websocket.close(*self._closing)
                    return
                self._until_pending = loop.create_future()
                await self._until_pending
                self._until_pending = None
        except (WebSocketDisconnect, RuntimeError, OSError):
            # The client has closed the socket; the reading task receives `websocket.disconnect`. The type of the error
            # depends on the layer that notices: uvicorn's own ClientDisconnected is an OSError.
            return
        finally:
            self._wake_reader()

    def _next_frame(self) -> str:
        if self._replies:
            return self._replies.pop(0)
        id, frames = next(iter(self._results.items()))
        frame = frames.pop(0)
        # Round robin: an operation that has more results goes to the end of the queue.
        del self._results[id]
        if frames:
            self._results[id] = frames
        return frame


def end_all(*functions: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls all of the given functions."""

    def end() -> None:
        for function in functions:
            function()

    return end
