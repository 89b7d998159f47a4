"""
Subscribers of one import in one process of the API, over AppSync's real-time protocol.

The import moves ten times a second. A message's latency is from then until a subscriber has it; whoever listens is a
process beside, which does as little as can be done with a frame.
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
from bench.processes import KEY, api
from graph.embedded.servers import embedded_servers
from graph.web.server import let_many_connect

EVERY_S = 0.1
MESSAGES = 80
OPENING_AT_ONCE = 50
DOCUMENT = "subscription ($id: ID!) { onImportProgress(id: $id) { id status bytesRead rowsRead } }"
MOVED = b'"bytesRead":'


async def run(counts: list[int]) -> None:
    """Measure so many subscribers, one number after the other, and print a table."""
    print("| subscribers | delivered | p50, ms | p99, ms | KiB each | CPU |\n|---|---|---|---|---|---|")  # noqa: T201
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
            async with embedded_servers(Path(folder) / "data") as servers:
                await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
                import_id = await _running_import(servers.database_url)
                async with api(servers) as (url, pid):
                    command = (sys.executable, "-m", "bench.subscribers", url, servers.database_url, str(import_id))
                    listening = await asyncio.create_subprocess_exec(
                        *command, str(count), str(pid), stdout=asyncio.subprocess.PIPE
                    )
                    told, _ = await listening.communicate()
        print(told.decode().strip(), flush=True)  # noqa: T201


async def _running_import(database_url: str) -> UUID:
    connection = await asyncpg.connect(database_url)
    id = uuid4()
    await connection.execute(
        "insert into imports (id, kind, status, file_name, charge_tariff, etag, bytes_total, run, attempts,"
        " bytes_read, rows_read, rows_imported, rows_duplicated, rows_rejected)"
        " values ($1, 'BATTERY_EVENTS', 'RUNNING', 'events.csv', 'COST', 'x', 1000000, 1, 1, 0, 0, 0, 0, 0)",
        id,
    )
    await connection.close()
    return id


class Subscriber(asyncio.Protocol):
    """One socket: opened, acknowledged and subscribed; then it hands over what it is told."""

    def __init__(self, host: str, import_id: str, heard: Callable[[int], None]) -> None:
        self._host = host
        self._heard = heard
        self._held = b""
        data = json.dumps({"query": DOCUMENT, "variables": {"id": import_id}})
        headers = {"host": host, "x-api-key": KEY}
        payload = {"data": data, "extensions": {"authorization": headers}}
        self._start = json.dumps({"type": "start", "id": str(uuid4()), "payload": payload}).encode()
        self._header = base64.urlsafe_b64encode(json.dumps(headers).encode()).decode().rstrip("=")
        self.is_told = asyncio.get_running_loop().create_future()
        self.is_upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            f"GET /graphql/realtime HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: graphql-ws, header-{self._header}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        held = self._held + data if self._held else data
        if not self.is_upgraded:
            head, end, held = held.partition(b"\r\n\r\n")
            if not end:
                self._held = head
                return
            self.is_upgraded = True
            self._send(b'{"type":"connection_init"}')
        while len(held) >= 2:
            size, begins = held[1] & 127, 2
            if size == 126:
                size, begins = int.from_bytes(held[2:4], "big"), 4
            if len(held) < begins + size:
                break
            self._hear(held[0] & 15, held[begins : begins + size])
            held = held[begins + size :]
        self._held = held

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self.is_told.done():
            self.is_told.set_exception(ConnectionError("The socket was closed."))

    def _hear(self, opcode: int, frame: bytes) -> None:
        if opcode == 9:
            self._send(frame, opcode=10)
        elif (at := frame.find(MOVED)) > 0:
            begins = at + len(MOVED)
            self._heard(int(float(frame[begins : frame.index(b",", begins)])))
            if not self.is_told.done():
                self.is_told.set_result(None)
        elif b"connection_ack" in frame:
            self._send(self._start)

    def _send(self, payload: bytes, *, opcode: int = 1) -> None:
        # A mask of zeros is one.
        size = len(payload)
        length = bytes([128 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self._transport.write(bytes([128 | opcode]) + length + bytes(4) + payload)


async def _listen(url: str, database_url: str, import_id: str, count: int, server: int) -> None:
    at = urlsplit(url)
    host, port = at.hostname or "", at.port or 0
    loop = asyncio.get_running_loop()
    moved_at = [0.0] * (MESSAGES + 1)
    latencies: list[float] = []

    def heard(message: int) -> None:
        if message:
            latencies.append(time.perf_counter() - moved_at[message])

    memory = _memory_kib(server)
    opening = asyncio.Semaphore(OPENING_AT_ONCE)

    async def subscribe() -> None:
        async with opening:
            _, subscriber = await loop.create_connection(
                lambda: Subscriber(f"{host}:{port}", import_id, heard), host, port
            )
            await subscriber.is_told

    await asyncio.gather(*(subscribe() for _ in range(count)))
    each_kib = (_memory_kib(server) - memory) / count
    connection = await asyncpg.connect(database_url)
    cpu, began = _cpu_s(server), time.perf_counter()
    for message in range(1, MESSAGES + 1):
        await asyncio.sleep(began + message * EVERY_S - time.perf_counter())
        moved_at[message] = time.perf_counter()
        await connection.execute("update imports set bytes_read = $1 where id = $2", message, UUID(import_id))
    took = time.perf_counter() - began
    busy = (_cpu_s(server) - cpu) / took
    await asyncio.sleep(2)
    await connection.close()
    percentiles = quantiles(latencies, n=100)
    print(  # noqa: T201
        f"| {count:,} | {len(latencies):,} of {count * MESSAGES:,} | {percentiles[49] * 1000:.0f}"
        f" | {percentiles[98] * 1000:.0f} | {each_kib:.0f} | {busy:.0%} |"
    )


def _memory_kib(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0])


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    let_many_connect()
    gc.disable()  # Its pauses would be taken for the server's.
    given_url, given_database_url, given_import_id, given_count, given_server = sys.argv[1:]
    uvloop.run(_listen(given_url, given_database_url, given_import_id, int(given_count), int(given_server)))
