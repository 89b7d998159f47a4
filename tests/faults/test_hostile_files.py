"""Files made to be more than a worker can hold, brought in at full pace."""

import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from graph.embedded.servers import EmbeddedServers
from graph.imports.csv.lines import MAX_LINE_BYTES
from tests.fixtures.api import Api
from tests.fixtures.event_file import HEADER
from tests.fixtures.watching import started
from tests.fixtures.worker_process import WorkerProcess, workers_on

MIB = 2**20
MOST_MIB = 300


async def imported(api: Api, content: bytes) -> tuple[str, str | None, int, int, int]:
    done = await api.wait_for_import(await started(api, content))
    return (done["status"], done["failureReason"], done["rowsRead"], done["rowsImported"], done["rowsRejected"])


@pytest_asyncio.fixture(scope="module")
async def worker(servers: EmbeddedServers, database_url: str) -> AsyncIterator[WorkerProcess]:
    """One worker for all of them, so that its peak is that of any."""
    async with workers_on(database_url, servers.object_store) as workers:
        yield await workers.start(chunk_bytes=8 * MIB)


async def test_of_a_line_of_ten_megabytes_no_more_is_kept_than_its_number(
    api: Api, worker: WorkerProcess, nmis: list[str]
) -> None:
    row = f"{nmis[0]},2025-09-03,CHARGE,1,1\n".encode()
    long = b"\xc3\xa9," * (10 * MIB // 3)
    content = HEADER + row * 2 + long + b"\n" + row.replace(b"03", b"04") + long + b"\n" + row.replace(b"03", b"05")

    done = await api.wait_for_import(await started(api, content))

    assert (done["status"], done["rowsRead"], done["rowsImported"], done["rowsRejected"]) == ("COMPLETED", 6, 4, 2)
    assert [
        (each["lineNumber"], each["column"], each["code"], each["message"]) for each in done["rejections"]["items"]
    ] == [
        (line_number, None, "WRONG_COLUMN_COUNT", f"The row is too long; expected at most {MAX_LINE_BYTES:,} bytes.")
        for line_number in (4, 6)
    ]
    assert done["rejections"]["items"][0]["row"] == long.decode()[:10_000] + "…"
    assert worker.peak_mib < MOST_MIB


@pytest.mark.parametrize("size", [8 * MIB, 100_000_000])
async def test_a_file_without_a_newline_is_one_row_too_many(api: Api, worker: WorkerProcess, size: int) -> None:
    header_alone = await imported(api, b"x" * size)
    behind_header = await imported(api, HEADER + b"," * size)

    assert header_alone == (
        *("FAILED", "The file has no header: its first 65,536 bytes hold no end of a line."),
        *(0, 0, 0),
    )
    assert behind_header == ("COMPLETED", None, 1, 0, 1)
    assert worker.peak_mib < MOST_MIB


async def test_a_file_of_nothing_but_bad_rows_is_given_up(api: Api, worker: WorkerProcess) -> None:
    assert await imported(api, HEADER + b"x\n" * (4 * MIB)) == (
        "FAILED",
        "131,072 of its first 131,072 rows were rejected, for the reasons listed; correct the file and import it anew.",
        *(131_072, 0, 131_072),
    )
    assert worker.peak_mib < MOST_MIB


async def test_many_bad_rows_among_more_good_ones_are_all_told(
    api: Api, worker: WorkerProcess, nmis: list[str]
) -> None:
    pair = f"{nmis[0]},2025-09-03,CHARGE,1,1\nx\n".encode()
    good = f"{nmis[0]},2025-09-03,CHARGE,1,1\n".encode()

    done = await imported(api, HEADER + good + pair * 110_000)

    assert done == ("COMPLETED", None, 220_001, 110_001, 110_000)
    assert worker.peak_mib < MOST_MIB


async def test_a_file_of_nothing_but_newlines_is_an_import_of_nothing(api: Api, worker: WorkerProcess) -> None:
    assert await imported(api, HEADER + b"\n" * (4 * MIB)) == ("COMPLETED", None, 0, 0, 0)
    assert worker.peak_mib < MOST_MIB


async def test_a_gzip_that_unpacks_to_a_thousand_times_its_size_takes_no_more_memory(
    api: Api, worker: WorkerProcess
) -> None:
    packing = zlib.compressobj(wbits=31)
    packed = packing.compress(HEADER) + b"".join(packing.compress(bytes(MIB)) for _ in range(1_000)) + packing.flush()

    assert len(packed) < 2 * MIB
    assert await imported(api, packed) == ("COMPLETED", None, 1, 0, 1)
    assert worker.peak_mib < MOST_MIB


async def test_a_gzip_of_a_gzip_has_no_header(api: Api, worker: WorkerProcess) -> None:
    status, reason, *_ = await imported(api, gzip.compress(gzip.compress(HEADER)))

    assert status == "FAILED"
    assert reason is not None
    assert reason.startswith("The header is not UTF-8")
