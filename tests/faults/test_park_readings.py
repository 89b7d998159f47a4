"""A worker that is killed between the two readings of a time that clocks showed twice."""

from db.engine.database import Database
from graph.imports.csv.chunks import MAX_HEADER_BYTES
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.park_files import ParkFiles, counts_of
from tests.fixtures.proxy import Proxy
from tests.fixtures.watching import until_read
from tests.fixtures.worker_process import CHUNK_BYTES, Workers

HEADER = "datetime,MW,note\n"
# Each row is a chunk of its own.
NOTE = "x" * CHUNK_BYTES


async def test_a_doubled_time_is_told_apart_by_whoever_goes_on_with_the_file(
    api: Api, database: Database, object_store: ObjectStore, workers: Workers, s3: Proxy
) -> None:
    files = ParkFiles(api, database, object_store)
    park_id = await files.create_park("Europe/Amsterdam")
    times = ["2020-10-25 02:00", "2020-10-25 02:30"]
    rows = [f"{time},{power},{NOTE}\n" for power in (1, 2, 3) for time in times]
    # Three rows are kept, and half of the fourth comes no more; the beginning is read first, for the header.
    kept = len(HEADER) + 3 * len(rows[0])
    s3.fail("stall", after_bytes=MAX_HEADER_BYTES + kept + CHUNK_BYTES // 2)
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=3600)
    import_id = await files.started(HEADER + "".join(rows), park_id)
    await until_read(api, database, import_id, kept)

    await killed.kill()
    at_the_kill = await files.readings(park_id)
    await workers.start()
    imported = await api.wait_for_import(import_id)

    assert at_the_kill == [
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
    assert counts_of(imported) == ("COMPLETED", 6, 6, 0, 0)
    await files.assert_all_agree()
