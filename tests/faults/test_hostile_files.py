"""Files designed to exhaust a worker's memory, imported in chunks of 8 MiB."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from graph.imports.csv.lines import MAX_LINE_BYTES
from tests.fixtures.api import Api
from tests.fixtures.event_file import HEADER
from tests.fixtures.watching import start_import
from tests.fixtures.worker_process import WorkerProcess, open_workers

MIB = 2**20
HOUR_S = 3600
MAX_PEAK_MIB = 300
NOTHING_IMPORTED = (
    "Nothing was imported. Correct the file and upload it as a new import, or correct the cause elsewhere and start"
    " this import again."
)
ROW_TOO_LONG = f"The only row: The row is too long; expected at most {MAX_LINE_BYTES:,} bytes. {NOTHING_IMPORTED}"


async def imported(api: Api, content: bytes) -> tuple[str, str | None, int, int, int]:
    done = await api.wait_for_import(await start_import(api, content))
    return (done["status"], done["failureReason"], done["rowsRead"], done["rowsImported"], done["rowsRejected"])


@pytest_asyncio.fixture(scope="module")
async def worker(servers: EmbeddedServers, database_url: str) -> AsyncIterator[WorkerProcess]:
    """One worker for all files, so that its peak is the highest of all imports."""
    async with open_workers(database_url, servers.object_store) as workers:
        # With such chunks a transaction may be idle for longer than the tests' short lease.
        yield await workers.start(chunk_bytes=8 * MIB, lease_s=HOUR_S)


async def test_line_of_ten_megabytes_is_rejected_and_the_rows_around_it_are_imported(
    api: Api, worker: WorkerProcess, nmis: list[str]
) -> None:
    row = f"{nmis[0]},2025-09-03,CHARGE,1,1\n".encode()
    long_line = b"\xc3\xa9," * (10 * MIB // 3)
    content = (
        HEADER + row * 2 + long_line + b"\n" + row.replace(b"03", b"04") + long_line + b"\n" + row.replace(b"03", b"05")
    )

    done = await api.wait_for_import(await start_import(api, content))

    assert (done["status"], done["rowsRead"], done["rowsImported"], done["rowsRejected"]) == ("COMPLETED", 6, 4, 2)
    assert [
        (rejection["lineNumber"], rejection["column"], rejection["code"], rejection["message"])
        for rejection in done["rejections"]["items"]
    ] == [
        (line_number, None, "WRONG_COLUMN_COUNT", f"The row is too long; expected at most {MAX_LINE_BYTES:,} bytes.")
        for line_number in (4, 6)
    ]
    assert done["rejections"]["items"][0]["row"] == long_line.decode()[:10_000] + "…"
    assert worker.peak_mib < MAX_PEAK_MIB


@pytest.mark.parametrize("size", [8 * MIB, 100_000_000])
async def test_file_without_a_line_end_has_no_header_or_one_rejected_row(
    api: Api, worker: WorkerProcess, size: int
) -> None:
    without_header = await imported(api, b"x" * size)
    after_header = await imported(api, HEADER + b"," * size)

    assert without_header == (
        *(
            "FAILED",
            "The file has no header: its first 65,536 bytes contain no line end; expected a line of column names.",
        ),
        *(0, 0, 0),
    )
    assert after_header == ("FAILED", ROW_TOO_LONG, 1, 0, 1)
    assert worker.peak_mib < MAX_PEAK_MIB


async def test_file_of_invalid_rows_only_fails(api: Api, worker: WorkerProcess) -> None:
    assert await imported(api, HEADER + b"x\n" * (4 * MIB)) == (
        "FAILED",
        f"All of the first 131,072 rows: The row has 1 field; expected 5, as in the header. {NOTHING_IMPORTED}",
        *(131_072, 0, 131_072),
    )
    assert worker.peak_mib < MAX_PEAK_MIB


async def test_many_invalid_rows_among_more_valid_ones_are_all_rejected(
    api: Api, worker: WorkerProcess, nmis: list[str]
) -> None:
    pair = f"{nmis[0]},2025-09-03,CHARGE,1,1\nx\n".encode()
    valid_row = f"{nmis[0]},2025-09-03,CHARGE,1,1\n".encode()

    done = await imported(api, HEADER + valid_row + pair * 110_000)

    assert done == ("COMPLETED", None, 220_001, 110_001, 110_000)
    assert worker.peak_mib < MAX_PEAK_MIB


@pytest.mark.parametrize("line", [b"\n", b",,,,\n"])
async def test_file_of_blank_lines_only_fails(api: Api, worker: WorkerProcess, line: bytes) -> None:
    reason = "The file has a header and no rows; rows below the header were expected."

    assert await imported(api, HEADER + line * (4 * MIB)) == ("FAILED", reason, 0, 0, 0)
    assert worker.peak_mib < MAX_PEAK_MIB


async def test_gzip_bomb_does_not_increase_the_peak_of_memory(api: Api, worker: WorkerProcess) -> None:
    compressor = zlib.compressobj(wbits=31)
    compressed = (
        compressor.compress(HEADER)
        + b"".join(compressor.compress(bytes(MIB)) for _ in range(1_000))
        + compressor.flush()
    )

    assert len(compressed) < 2 * MIB
    assert await imported(api, compressed) == ("FAILED", ROW_TOO_LONG, 1, 0, 1)
    assert worker.peak_mib < MAX_PEAK_MIB


async def test_gzip_of_a_gzip_fails(api: Api, worker: WorkerProcess) -> None:
    status, reason, *_ = await imported(api, gzip.compress(gzip.compress(HEADER)))

    assert status == "FAILED"
    assert reason == "The file is a gzip within a gzip; compress the CSV file once and upload it as a new import."
