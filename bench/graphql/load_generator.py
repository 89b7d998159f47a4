"""
A closed-loop HTTP load generator: keep-alive connections with one request in flight each, in one thread, by epoll.

It must cost little, as it shares a core with Postgres. Requests are bytes prepared beforehand. It checks only the
status and the length of a response, which must equal those of the response that was compared before: a difference, such
as an error, ends the measurement.
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
TIMEOUT_S = 30

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)

# The bytes of a request, and the expected length of the response's body.
Exchange: TypeAlias = tuple[bytes, int]
Address: TypeAlias = tuple[str, int]


class UnexpectedResponse(Exception):
    """A response has another status or length than the one that was compared before, or there is none."""


@dataclass(frozen=True)
class LoadResult:
    """The duration of a load, the latency of each response, and the CPU time of the load generator itself."""

    seconds: float
    latencies_s: "array[float]"
    cpu_time_s: float

    @property
    def responses(self) -> int:
        return len(self.latencies_s)


class Connection:
    """A keep-alive connection with at most one request in flight."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fileno = self._socket.fileno()
        self._buffer = b""
        # Where the response ends in the buffer; 0 until its head was read.
        self._end = 0

    def send(self, request: bytes) -> None:
        self._socket.sendall(request)

    def receive(self) -> bytes | None:
        """Read from the socket; return the body of the response, or None while it is incomplete."""
        buffer = self._socket.recv(READ_BYTES)
        if not buffer:
            raise UnexpectedResponse("The server closed the connection.")
        if self._buffer:
            buffer = self._buffer + buffer
        if not self._end:
            head_end = buffer.find(b"\r\n\r\n") + 4
            if head_end < 4:
                self._buffer = buffer
                return None
            length = CONTENT_LENGTH.search(buffer, 0, head_end)
            if length is None or not buffer.startswith(b"HTTP/1.1 200 "):
                raise UnexpectedResponse(buffer[:2000].decode(errors="replace"))
            self._length = int(length[1])
            self._end = head_end + self._length
        if len(buffer) < self._end:
            self._buffer = buffer
            return None
        body = buffer[self._end - self._length : self._end]
        self._buffer, self._end = b"", 0
        return body

    def exchange(self, request: bytes) -> bytes:
        """Send a request, and return the body of its response."""
        self.send(request)
        while (body := self.receive()) is None:
            pass
        return body

    def close(self) -> None:
        self._socket.close()


def generate_load(addresses: Sequence[Address], exchanges: Iterator[Exchange], *, seconds: float) -> LoadResult:
    """Send requests on CONNECTIONS connections, spread over the addresses, for `seconds`; await the last responses."""
    connections = [Connection(addresses[number % len(addresses)]) for number in range(CONNECTIONS)]
    in_flight: dict[int, tuple[Connection, int, float]] = {}
    latencies_s = array("d")
    gc.disable()  # A pause of the garbage collector here would count as latency of the server.
    with select.epoll() as epoll:
        cpu_started_at, started_at = time.thread_time(), time.perf_counter()
        deadline = started_at + seconds
        for connection in connections:
            request, length = next(exchanges)
            in_flight[connection.fileno] = (connection, length, time.perf_counter())
            epoll.register(connection.fileno, select.EPOLLIN)
            connection.send(request)
        while in_flight:
            events = epoll.poll(TIMEOUT_S)
            if not events:
                raise UnexpectedResponse(f"No response within {TIMEOUT_S} s.")
            for fileno, _ in events:
                connection, length, sent_at = in_flight[fileno]
                body = connection.receive()
                if body is None:
                    continue
                now = time.perf_counter()
                latencies_s.append(now - sent_at)
                _check_length(body, length)
                if now < deadline:
                    request, length = next(exchanges)
                    in_flight[fileno] = (connection, length, now)
                    connection.send(request)
                else:
                    del in_flight[fileno]
        duration_s, cpu_time_s = time.perf_counter() - started_at, time.thread_time() - cpu_started_at
    gc.enable()
    for connection in connections:
        connection.close()
    return LoadResult(duration_s, latencies_s, cpu_time_s)


def measure_latencies_s(
    address: Address, exchanges: Iterator[Exchange], *, count: int, interval_s: float
) -> list[float]:
    """
    Send `count` requests on one connection, one per interval, and return their latencies.

    Latency counts from the time at which a request was due, even if the response before it came later than that.
    """
    connection = Connection(address)
    latencies_s = []
    started_at = time.perf_counter()
    for number in range(count):
        due_at = started_at + number * interval_s
        time.sleep(max(0, due_at - time.perf_counter()))
        request, length = next(exchanges)
        body = connection.exchange(request)
        latencies_s.append(time.perf_counter() - due_at)
        _check_length(body, length)
    connection.close()
    return latencies_s


def _check_length(body: bytes, length: int) -> None:
    if len(body) != length:
        raise UnexpectedResponse(
            f"Expected a response of {length} bytes, not of {len(body)}: {body[:2000].decode(errors='replace')}"
        )
