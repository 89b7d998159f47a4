"""
Delivery of import progress to many subscribers of one API process, over AppSync's real-time protocol.

All subscribe to one import, whose progress is updated ten times a second. A message's latency counts from the update of
the row until the subscriber has the message. The subscribers run in a process of their own, which parses as little of a
frame as possible.
"""

import asyncio
import base64
import gc
import json
import os
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import uvloop

import db.migrations
from bench.processes import API_KEY, api
from graph.embedded.servers import embedded_servers
from graph.web.server import raise_open_files_limit

UPDATE_INTERVAL_S = 0.1
UPDATES = 80
MAX_OPENING = 50
# How long to wait for messages after the last update.
LAST_MESSAGES_S = 2
DOCUMENT = "subscription ($id: ID!) { onImportProgress(id: $id) { id status bytesRead rowsRead } }"
BYTES_READ = b'"bytesRead":'

# Opcodes of WebSocket frames (RFC 6455, 5.2).
TEXT, PING, PONG = 1, 9, 10


async def run(counts: list[int]) -> None:
    """Measure the delivery for each number of subscribers, and print a table."""
    print("| subscribers | delivered | p50, ms | p99, ms | KiB per subscriber | CPU |\n|---|---|---|---|---|---|")  # noqa: T201
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
            async with embedded_servers(Path(folder) / "data") as servers:
                await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
                import_id = await _running_import(servers.database_url)
                async with api(servers) as (url, pid):
                    command = (sys.executable, "-m", "bench.subscribers", url, servers.database_url, str(import_id))
                    subscribers = await asyncio.create_subprocess_exec(
                        *command, str(count), str(pid), stdout=asyncio.subprocess.PIPE
                    )
                    row, _ = await subscribers.communicate()
        print(row.decode().strip(), flush=True)  # noqa: T201


async def _running_import(database_url: str) -> UUID:
    connection = await asyncpg.connect(database_url)
    id = uuid4()
    await connection.execute(
        "insert into imports (id, kind, status, file_name, charge_tariff, etag, bytes_total, run, attempts,"
        " timestamps, duplicates, bytes_read, rows_read, rows_imported, rows_duplicated, rows_undecided, rows_rejected)"
        " values ($1, 'BATTERY_EVENTS', 'RUNNING', 'events.csv', 'COST', 'x', 1000000, 1, 1,"
        " 'INTERVAL_START', 'ASK', 0, 0, 0, 0, 0, 0)",
        id,
    )
    await connection.close()
    return id


class Subscriber(asyncio.Protocol):
    """A WebSocket client that subscribes to the import, and calls `on_update` with the `bytesRead` of each message."""

    def __init__(self, host: str, import_id: str, on_update: Callable[[int], None]) -> None:
        self._host = host
        self._on_update = on_update
        self._buffer = b""
        data = json.dumps({"query": DOCUMENT, "variables": {"id": import_id}})
        headers = {"host": host, "x-api-key": API_KEY}
        payload = {"data": data, "extensions": {"authorization": headers}}
        self._start = json.dumps({"type": "start", "id": str(uuid4()), "payload": payload}).encode()
        self._header = base64.urlsafe_b64encode(json.dumps(headers).encode()).decode().rstrip("=")
        self.subscribed = asyncio.get_running_loop().create_future()
        self.is_upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            f"GET /graphql/realtime HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: graphql-ws, header-{self._header}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self.is_upgraded:
            head, separator, buffer = buffer.partition(b"\r\n\r\n")
            if not separator:
                self._buffer = head
                return
            self.is_upgraded = True
            self._send(b'{"type":"connection_init"}')
        while len(buffer) >= 2:
            size, start = buffer[1] & 127, 2
            if size == 126:
                size, start = int.from_bytes(buffer[2:4], "big"), 4
            if len(buffer) < start + size:
                break
            self._handle_frame(buffer[0] & 15, buffer[start : start + size])
            buffer = buffer[start + size :]
        self._buffer = buffer

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError("The socket was closed."))

    def _handle_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(payload, opcode=PONG)
        elif (index := payload.find(BYTES_READ)) > 0:
            start = index + len(BYTES_READ)
            self._on_update(int(float(payload[start : payload.index(b",", start)])))
            if not self.subscribed.done():
                self.subscribed.set_result(None)
        elif b"connection_ack" in payload:
            self._send(self._start)

    def _send(self, payload: bytes, *, opcode: int = TEXT) -> None:
        # Clients must mask frames (RFC 6455, 5.3); a mask of four zero bytes leaves the payload as it is.
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        mask = bytes(4)
        self._transport.write(bytes([128 | opcode]) + length + mask + payload)


async def _measure(url: str, database_url: str, import_id: str, count: int, server_pid: int) -> None:
    """Subscribe `count` times, update the import, and print a row of the table."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    loop = asyncio.get_running_loop()
    updated_at = [0.0] * (UPDATES + 1)
    latencies_s: list[float] = []

    def on_update(number: int) -> None:
        # 0 is the state before the first update, which every subscription starts with.
        if number:
            latencies_s.append(time.perf_counter() - updated_at[number])

    memory_kib = _memory_kib(server_pid)
    opening = asyncio.Semaphore(MAX_OPENING)

    async def subscribe() -> None:
        async with opening:
            _, subscriber = await loop.create_connection(
                lambda: Subscriber(f"{host}:{port}", import_id, on_update), host, port
            )
            await subscriber.subscribed

    await asyncio.gather(*(subscribe() for _ in range(count)))
    kib_per_subscriber = (_memory_kib(server_pid) - memory_kib) / count
    connection = await asyncpg.connect(database_url)
    cpu_s, started_at = _cpu_s(server_pid), time.perf_counter()
    for number in range(1, UPDATES + 1):
        await asyncio.sleep(started_at + number * UPDATE_INTERVAL_S - time.perf_counter())
        updated_at[number] = time.perf_counter()
        await connection.execute("update imports set bytes_read = $1 where id = $2", number, UUID(import_id))
    duration_s = time.perf_counter() - started_at
    cpu_share = (_cpu_s(server_pid) - cpu_s) / duration_s
    await asyncio.sleep(LAST_MESSAGES_S)
    await connection.close()
    percentiles = quantiles(latencies_s, n=100)
    print(  # noqa: T201
        f"| {count:,} | {len(latencies_s):,} of {count * UPDATES:,} | {percentiles[49] * 1000:.0f}"
        f" | {percentiles[98] * 1000:.0f} | {kib_per_subscriber:.0f} | {cpu_share:.0%} |"
    )


def _memory_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise_open_files_limit()
    gc.disable()  # A pause of the garbage collector here would count as latency of the server.
    arg_url, arg_database_url, arg_import_id, arg_count, arg_server_pid = sys.argv[1:]
    uvloop.run(_measure(arg_url, arg_database_url, arg_import_id, int(arg_count), int(arg_server_pid)))
