"""
Whoever asks: connections that are kept, each with one request on its way, all in one thread by epoll.

Requests are made of bytes beforehand. Of an answer its head is looked at, and whether it is as long as the one that was
compared before: another answer, an error above all, ends the measurement.
"""

import gc
import re
import select
import socket
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

CONNECTIONS = 32
READ_BYTES = 2**18
SILENCE_S = 30

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

# A request, and how long the body of its answer is.
Exchange: TypeAlias = tuple[bytes, int]
Address: TypeAlias = tuple[str, int]


class WrongAnswer(Exception):
    """An answer that is not the one that was compared before."""


@dataclass(frozen=True)
class Load:
    """In how many seconds it was answered, each answer after how long, and what the asking itself took of a core."""

    seconds: float
    latencies_s: "array[float]"
    own_cpu_s: float

    @property
    def answered(self) -> int:
        return len(self.latencies_s)


class Connection:
    """A connection that is kept, with one request at a time on its way."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fileno = self._socket.fileno()
        self._held = b""
        self._ends = 0

    def send(self, request: bytes) -> None:
        self._socket.sendall(request)

    def receive(self) -> bytes | None:
        """Take what has come, and return the body of the answer once all of it is there."""
        held = self._socket.recv(READ_BYTES)
        if not held:
            raise WrongAnswer("The connection was closed.")
        if self._held:
            held = self._held + held
        if not self._ends:
            head = held.find(b"\r\n\r\n") + 4
            if head < 4:
                self._held = held
                return None
            length = LENGTH.search(held, 0, head)
            if length is None or not held.startswith(b"HTTP/1.1 200 "):
                raise WrongAnswer(held[:2000].decode(errors="replace"))
            self._length = int(length[1])
            self._ends = head + self._length
        if len(held) < self._ends:
            self._held = held
            return None
        body = held[self._ends - self._length : self._ends]
        self._held, self._ends = b"", 0
        return body

    def answer(self, request: bytes) -> bytes:
        """Send a request, and return the body of its answer."""
        self.send(request)
        while (body := self.receive()) is None:
            pass
        return body

    def close(self) -> None:
        self._socket.close()


def load(addresses: Sequence[Address], exchanges: Iterator[Exchange], *, seconds: float) -> Load:
    """Ask for so many seconds, by connections to all addresses in turn, and wait for the answers on their way."""
    connections = [Connection(addresses[number % len(addresses)]) for number in range(CONNECTIONS)]
    asked: dict[int, tuple[Connection, int, float]] = {}
    latencies = array("d")
    gc.disable()  # Its pauses would be taken for the server's.
    with select.epoll() as ready:
        own_cpu, began = time.thread_time(), time.perf_counter()
        until = began + seconds
        for connection in connections:
            request, length = next(exchanges)
            asked[connection.fileno] = (connection, length, time.perf_counter())
            ready.register(connection.fileno, select.EPOLLIN)
            connection.send(request)
        while asked:
            events = ready.poll(SILENCE_S)
            if not events:
                raise WrongAnswer(f"Nothing was answered for {SILENCE_S} seconds.")
            for number, _ in events:
                connection, length, asked_at = asked[number]
                body = connection.receive()
                if body is None:
                    continue
                now = time.perf_counter()
                latencies.append(now - asked_at)
                if len(body) != length:
                    raise WrongAnswer(f"Expected {length} bytes, not {body[:2000].decode(errors='replace')}")
                if now < until:
                    request, length = next(exchanges)
                    asked[number] = (connection, length, now)
                    connection.send(request)
                else:
                    del asked[number]
        took, own_cpu = time.perf_counter() - began, time.thread_time() - own_cpu
    gc.enable()
    for connection in connections:
        connection.close()
    return Load(took, latencies, own_cpu)


def ask_seldom(address: Address, exchanges: Iterator[Exchange], *, times: int, every_s: float) -> list[float]:
    """Ask at a steady pace by one connection, and return how many seconds each answer took since it was due."""
    connection = Connection(address)
    latencies = []
    began = time.perf_counter()
    for number in range(times):
        due = began + number * every_s
        time.sleep(max(0, due - time.perf_counter()))
        request, length = next(exchanges)
        body = connection.answer(request)
        latencies.append(time.perf_counter() - due)
        if len(body) != length:
            raise WrongAnswer(f"Expected {length} bytes, not {body[:2000].decode(errors='replace')}")
    connection.close()
    return latencies
