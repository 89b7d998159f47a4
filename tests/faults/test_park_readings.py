"""A worker that is killed between the two readings of an ambiguous local time."""

from db.engine.database import Database
from graph.imports.csv.chunks import MAX_HEADER_BYTES
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.park_files import ParkFiles, counts_of
from tests.fixtures.proxy import Proxy
from tests.fixtures.watching import wait_until_read
from tests.fixtures.worker_process import CHUNK_BYTES, Workers

HEADER = "datetime,MW,note\n"
# Each row is a chunk of its own.
NOTE = "x" * CHUNK_BYTES


async def test_ambiguous_times_are_resolved_by_the_worker_that_resumes_the_import(
    api: Api, database: Database, object_store: ObjectStore, workers: Workers, s3: Proxy
) -> None:
    files = ParkFiles(api, database, object_store)
    park_id = await files.create_park("Europe/Amsterdam")
    times = ["2020-10-25 02:00", "2020-10-25 02:30"]
    rows = [f"{time},{power},{NOTE}\n" for power in (1, 2, 3) for time in times]
    # Three rows are stored, and S3 stalls in the fourth. The worker reads MAX_HEADER_BYTES for the header first.
    stored_bytes = len(HEADER) + 3 * len(rows[0])
    s3.fail("stall", after_bytes=MAX_HEADER_BYTES + stored_bytes + CHUNK_BYTES // 2)
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=3600)
    import_id = await files.start_import(HEADER + "".join(rows), park_id)
    await wait_until_read(api, database, import_id, stored_bytes)

    await killed.kill()
    readings_when_killed = await files.readings(park_id)
    await workers.start()
    imported = await api.wait_for_import(import_id)

    assert readings_when_killed == [
        ("2020-10-25T00:00Z", "2020-10-25", 1_000_000),
        ("2020-10-25T00:30Z", "2020-10-25", 1_000_000),
        ("2020-10-25T01:00Z", "2020-10-25", 2_000_000),
    ]
    assert await files.readings(park_id) == [
        ("2020-10-25T00:00Z", "2020-10-25", 1_000_000),
        ("2020-10-25T00:30Z", "2020-10-25", 1_000_000),
        ("2020-10-25T01:00Z", "2020-10-25", 3_000_000),
        ("2020-10-25T01:30Z", "2020-10-25", 3_000_000),
    ]
    assert counts_of(imported) == ("COMPLETED", 6, 4, 2, 0)
    await files.assert_sums_agree()
