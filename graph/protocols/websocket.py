"""What a WebSocket of ours does whatever protocol it speaks: who is told what, in what order, and when it is closed."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from graph.auth.authentication import Authenticator
from graph.operations.documents import Documents
from graph.operations.json import NotJson, decode, encode
from graph.protocols.request_rate import RequestRate
from graph.protocols.subscriptions import Subscriptions

# A subscription whose client is slow keeps the last of what it has been told.
MAX_PENDING_RESULTS = 8
# A client that does not listen to so many answers is not heard any further.
MAX_PENDING_REPLIES = 100
MAX_SUBSCRIPTIONS = 100

log = structlog.get_logger()


@dataclass(frozen=True)
class SocketTimeouts:
    """How long a socket may take, in seconds."""

    to_initialise_s: float = 15
    # Without a subscription.
    idle_s: float = 600
    # AppSync's own.
    open_s: float = 24 * 3600
    keep_alive_s: float = 30


class Socket(ABC):
    """
    One WebSocket. What it hears is dealt with one message after the other; what it says is said by a task of its own,
    so that nobody waits for a client that is slow to listen.
    """

    subprotocol: ClassVar[str]

    def __init__(
        self,
        websocket: WebSocket,
        access: Authenticator,
        streams: Subscriptions,
        timeouts: SocketTimeouts,
        documents: Documents,
        rate: RequestRate,
    ) -> None:
        self.websocket = websocket
        self._send = websocket._send
        self.access = access
        self.streams = streams
        self.timeouts = timeouts
        self.documents = documents
        self.rate = rate
        # How to have done with each subscription, by the id its client gave it.
        self.subscriptions: dict[str, Callable[[], None]] = {}
        # Lists: an empty deque takes more memory than all else that a socket keeps here.
        self._replies: list[str] = []
        self._told: dict[str, list[str]] = {}
        self._closing: tuple[int, str] | None = None
        # What the task that speaks waits for when it has said all, and the one that hears when too much waits.
        self._until_more: asyncio.Future[None] | None = None
        self._until_said: asyncio.Future[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.at_end = ExitStack()

    @abstractmethod
    async def handle_message(self, message: Any) -> None:
        """Deal with one message, of any form; only JSON it is."""

    @abstractmethod
    def handle_invalid(self) -> None:
        """Deal with a frame that holds no JSON."""

    async def run(self) -> None:
        """Speak until either side closes."""
        await self.websocket.accept(self.subprotocol)
        wait = self.timeouts
        self.after(wait.to_initialise_s, "initialise", lambda: self.close(4408, "Connection initialisation timeout"))
        self.after(wait.open_s, "open", lambda: self.close(1001, "Connected for a day; connect again"))
        speaking = asyncio.create_task(self._speak())
        try:
            while True:
                while len(self._replies) >= MAX_PENDING_REPLIES and not speaking.done():
                    self._until_said = asyncio.get_running_loop().create_future()
                    await self._until_said
                received = await self.websocket.receive()
                if received["type"] == "websocket.disconnect":
                    return
                if self._closing is None:
                    await self._hear(received.get("text"))
        finally:
            for timer in self._timers.values():
                timer.cancel()
            for leave in self.subscriptions.values():
                leave()
            self.subscriptions.clear()
            self.at_end.close()
            speaking.cancel()

    def reply(self, message: dict[str, Any]) -> None:
        """Say something in answer to the client, before what its subscriptions have to tell."""
        self._replies.append(encode(message))
        self._wake()

    def tell(self, id: str, frame: str) -> None:
        """Say something of a subscription; where too much waits already, the oldest goes."""
        frames = self._told.setdefault(id, [])
        frames.append(frame)
        del frames[:-MAX_PENDING_RESULTS]
        self._wake()

    def unsubscribe(self, id: str) -> bool:
        """Have done with a subscription, and tell nothing more of it; False where there is none of this id."""
        is_there = self.forget(id)
        if is_there:
            self._told.pop(id, None)
        return is_there

    def forget(self, id: str) -> bool:
        """Have done with a subscription, of which what waits is still to be told; False where there is none."""
        leave = self.subscriptions.pop(id, None)
        if leave is None:
            return False
        leave()
        self.restart_idle_timer()
        return True

    def restart_idle_timer(self) -> None:
        """Begin to count the time without a subscription, or stop counting it."""
        if self.subscriptions:
            self.not_after("idle")
        else:
            self.after(self.timeouts.idle_s, "idle", lambda: self.close(1000, "Nothing is subscribed to"))

    def close(self, code: int, reason: str) -> None:
        """Close, once all is said that is waiting to be."""
        self._closing = self._closing or (code, reason)
        self._wake()

    def after(self, seconds: float, name: str, do: Callable[[], None]) -> None:
        """Do something later, in place of what was to be done under this name."""
        self.not_after(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, do)

    def not_after(self, name: str) -> None:
        """Do not do it after all."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    async def _hear(self, text: str | None) -> None:
        try:
            message = decode(text or "")
        except NotJson:
            self.handle_invalid()
            return
        try:
            await self.handle_message(message)
        except Exception:
            log.exception("A message failed")
            self.close(1011, "Something went wrong on our side")

    def _wake(self) -> None:
        if self._until_more is not None and not self._until_more.done():
            self._until_more.set_result(None)

    def _has_said(self) -> None:
        if self._until_said is not None and not self._until_said.done():
            self._until_said.set_result(None)
        self._until_said = None

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._replies or self._told:
                    # Not by Starlette's socket, whose checks take as long as sending.
                    await self._send({"type": "websocket.send", "text": self._next()})
                    if self._until_said is not None:
                        self._has_said()
                if self._closing is not None:
                    await self.websocket.close(*self._closing)
                    return
                self._until_more = loop.create_future()
                await self._until_more
                self._until_more = None
        except (WebSocketDisconnect, RuntimeError):
            return  # It was closed from the other side; who hears is told so.
        finally:
            self._has_said()

    def _next(self) -> str:
        if self._replies:
            return self._replies.pop(0)
        id, frames = next(iter(self._told.items()))
        frame = frames.pop(0)
        # Whoever is next has its turn before this one has another.
        del self._told[id]
        if frames:
            self._told[id] = frames
        return frame
