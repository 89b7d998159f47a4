"""S3 that refuses connections, resets them or stalls in the middle of a file."""

import pytest

from db.engine.database import Database
from graph.imports.csv.chunks import MAX_HEADER_BYTES
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.proxy import Fault, Proxy
from tests.fixtures.watching import assert_events_count_once, start_import, wait_until
from tests.fixtures.worker_process import CHUNK_BYTES, Workers

HOUR_S = 3600


@pytest.mark.parametrize(("fault", "seed"), [("refuse", 1), ("reset", 2), ("stall", 3)])
async def test_import_resumes_when_s3_is_back(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str], fault: Fault, seed: int
) -> None:
    file = event_file(nmis, rows=10_000, seed=seed)
    worker = await workers.start(s3_port=s3.port, s3_read_timeout_s=0.5)
    s3.fail(fault, after_bytes=MAX_HEADER_BYTES + 5 * CHUNK_BYTES)
    import_id = await start_import(api, file)

    await s3.wait_until_failing()
    await worker.wait_for_log("A job failed; retrying")
    interrupted = await wait_until(api, database, import_id, lambda _: True)
    await s3.heal()

    assert interrupted.status == "RUNNING"
    assert 0 < interrupted.bytes_read < len(file.content)
    await assert_events_count_once(api, database, import_id, file)


async def test_connection_that_is_reset_once_is_reopened_without_a_retry_of_the_job(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=4)
    # The lease outlives the test, so that the worker claims the import once, however slow the machine is.
    await workers.start(s3_port=s3.port, lease_s=HOUR_S)
    s3.fail("reset", after_bytes=MAX_HEADER_BYTES + 5 * CHUNK_BYTES)
    import_id = await start_import(api, file)

    await s3.wait_until_failing()
    await s3.heal()

    await assert_events_count_once(api, database, import_id, file)
    row = await wait_until(api, database, import_id, lambda _: True)
    assert row.run == 1
