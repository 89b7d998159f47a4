"""Workers that are killed, suspended, stopped or lose their lease in the middle of an import."""

import asyncio
import gzip
import random
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from db.engine.database import Database
from db.imports import Status
from db.jobs import Job, enqueue
from graph.embedded.servers import EmbeddedServers
from graph.imports.csv.chunks import MAX_HEADER_BYTES
from graph.imports.intake import imported_key, upload_key
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.proxy import Proxy, open_proxy
from tests.fixtures.stalling import stall_after_chunk
from tests.fixtures.watching import START, assert_events_count_once, start_import, wait_until, wait_until_read
from tests.fixtures.worker_process import CHUNK_BYTES, Workers, open_workers

KILLS = 10
# About the time that a worker takes for a chunk.
CHUNK_DURATION_S = 0.03
HOUR_S = 3600
LEASE_LOST = "The import was cancelled or claimed by another worker"
IS_WAITING_FOR_LOCK = text(
    "select exists (select from pg_locks where relation = 'import_rejections'::regclass and not granted)"
)
JOBS = text("select count(*) from pgqueuer where entrypoint = 'import'")


async def test_import_completes_after_ten_killed_workers(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    generator = random.Random(1)
    file = event_file(nmis, rows=40_000, seed=1)
    worker, next_worker = await workers.start(), await workers.start()
    import_id = await start_import(api, file)

    for fraction in sorted(generator.random() for _ in range(KILLS)):
        worker_after_next = await workers.start()
        await wait_until_read(api, database, import_id, fraction * len(file.content))
        # This does not wait for a condition: it kills the worker in a random stage of a chunk.
        await asyncio.sleep(generator.uniform(0, CHUNK_DURATION_S))
        await worker.kill()
        worker, next_worker = next_worker, worker_after_next

    await assert_events_count_once(api, database, import_id, file)


async def test_rows_count_once_when_two_workers_have_a_job_for_the_same_import(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=2)
    import_id = await start_import(api, file)
    async with database.transaction() as session:
        await enqueue(session, Job.IMPORT, id=UUID(import_id))

    await workers.start()
    await workers.start()

    await assert_events_count_once(api, database, import_id, file)


async def test_worker_suspended_past_its_lease_stores_nothing_and_does_not_end_the_new_workers_job(
    api: Api, database: Database, workers: Workers, s3: Proxy, other_s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=3)
    # A long lease here, so that no query to the queue is interrupted; the next worker decides by its own, short lease.
    suspended = await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S, lease_s=HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=5)
    import_id = await start_import(api, file)
    before = await wait_until_read(api, database, import_id, first_part)
    suspended.suspend()

    second_part = stall_after_chunk(other_s3, file, chunk_number=10) - first_part
    other_s3.fail("stall", after_bytes=MAX_HEADER_BYTES + second_part + CHUNK_BYTES // 2)
    await workers.start(s3_port=other_s3.port, s3_read_timeout_s=HOUR_S)
    after = await wait_until_read(api, database, import_id, first_part + second_part)
    await s3.heal()
    suspended.resume()
    await suspended.wait_for_log(LEASE_LOST)
    jobs = await database.row(JOBS)
    await other_s3.heal()

    assert after.run > before.run
    assert jobs is not None
    assert jobs[0] == 1
    await assert_events_count_once(api, database, import_id, file)


async def test_stopped_worker_releases_its_job_before_its_lease_expires(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=4)
    # The lease outlives the test, so only the release of the job lets another worker take it.
    stopping = await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S, lease_s=HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=5)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, first_part)
    await workers.start(lease_s=HOUR_S)

    # S3 continues only after the signal, so that the worker stops in the middle of the file.
    status, _ = await asyncio.gather(stopping.terminate(), s3.heal())

    assert status == 0
    await assert_events_count_once(api, database, import_id, file)
    row = await wait_until(api, database, import_id, lambda _: True)
    assert row.run == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("changed", "The uploaded file was replaced after its import had started; upload it as a new import."),
        ("deleted", "The uploaded file was deleted from the object store; upload it again as a new import."),
    ],
)
async def test_import_fails_when_its_file_is_changed_or_deleted_before_a_worker_takes_it(
    api: Api, object_store: ObjectStore, workers: Workers, nmis: list[str], fault: str, reason: str
) -> None:
    file = event_file(nmis, rows=5_000, seed=5)
    import_id = await start_import(api, file)

    key = upload_key(UUID(import_id))
    if fault == "changed":
        await object_store.write(key, file.content[:-1] + b" \n", content_type="text/csv")
    else:
        await object_store.delete(key)
    await workers.start()
    failed = await api.wait_for_import(import_id)

    assert (failed["status"], failed["failureReason"]) == ("FAILED", reason)


async def test_file_uploaded_while_an_import_runs_changes_nothing_and_is_refused(
    api: Api,
    database: Database,
    object_store: ObjectStore,
    workers: Workers,
    s3: Proxy,
    nmis: list[str],
) -> None:
    file, other = event_file(nmis, rows=5_000, seed=11), b"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n"
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=3)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, first_part)
    await killed.kill()

    key = upload_key(UUID(import_id))
    assert await object_store.find(key) is None
    await object_store.write(key, other, content_type="text/csv")
    refused_while_running = await api.refusal(START, id=import_id)
    await workers.start()

    await assert_events_count_once(api, database, import_id, file)
    refused_when_completed = await api.refusal(START, id=import_id)
    uploaded_since = await object_store.find(key)
    assert (refused_while_running[0], refused_when_completed[0]) == ("Conflict", "Conflict")
    assert uploaded_since is not None
    assert uploaded_since.size_bytes == len(other)


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_import_completes_when_its_worker_was_killed_while_it_moved_the_file(
    api: Api, database: Database, object_store: ObjectStore, workers: Workers, nmis: list[str], is_deleted: bool
) -> None:
    file = event_file(nmis, rows=1_000, seed=12)
    import_id = await start_import(api, file)
    # What a worker leaves that is killed after it has copied the file, before or after it deletes the upload.
    key = upload_key(UUID(import_id))
    uploaded = await object_store.find(key)
    assert uploaded is not None
    copy = imported_key(UUID(import_id), uploaded.etag)
    await object_store.copy(key, copy, etag=uploaded.etag, size_bytes=uploaded.size_bytes)
    if is_deleted:
        await object_store.delete(key)

    await workers.start()

    await assert_events_count_once(api, database, import_id, file)
    assert await object_store.find(key) is None
    assert await object_store.find(copy) is not None


async def test_import_cancelled_while_it_runs_counts_no_rows_and_its_blocks_are_deleted(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=5_000, seed=6)
    worker = await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=3)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, first_part)

    await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }", id=import_id)
    await s3.heal()
    await worker.wait_for_log(LEASE_LOST)
    again = await start_import(api, file)

    await assert_events_count_once(api, database, again, file)
    assert (await wait_until(api, database, import_id, lambda _: True)).status == Status.CANCELLED
    # A stopped worker finishes its short jobs first, so the blocks are deleted when the process has ended.
    await worker.terminate()
    blocks = await database.row(
        text("select count(*) from event_blocks where import_id = :id").bindparams(id=UUID(import_id))
    )
    assert blocks is not None
    assert blocks[0] == 0


async def test_import_can_be_reverted_only_when_it_is_completed(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    revert = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
    file = event_file(nmis, rows=5_000, seed=7)
    await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S)
    first_part = stall_after_chunk(s3, file, chunk_number=3)
    import_id = await start_import(api, file)
    await wait_until_read(api, database, import_id, first_part)

    refusal = await api.refusal(revert, id=import_id)
    await s3.heal()
    await assert_events_count_once(api, database, import_id, file)
    reverted = await api.execute(revert, id=import_id)
    again = await start_import(api, file)

    assert refusal[2] == "This import is RUNNING; only a completed one can be reverted, others can be cancelled."
    assert reverted == {"status": "REVERTED"}
    await assert_events_count_once(api, database, again, file)


async def test_import_whose_job_was_deleted_from_the_queue_completes(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=1_000, seed=8)
    import_id = await start_import(api, file)
    async with database.transaction() as session:
        await session.execute(text("delete from pgqueuer"))

    await workers.start()

    await assert_events_count_once(api, database, import_id, file)


async def test_locks_of_a_disconnected_worker_are_released_when_its_lease_expires(
    api: Api, servers: EmbeddedServers, database: Database, database_url: str, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=9)
    port = urlsplit(database_url).port
    assert port
    async with (
        open_proxy(port) as proxy,
        open_workers(database_url.replace(f":{port}/", f":{proxy.port}/"), servers.object_store) as disconnected,
        open_workers(database_url, servers.object_store) as connected,
        database.transaction() as session,
    ):
        await session.execute(text("lock table import_rejections in access exclusive mode"))
        await disconnected.start()
        import_id = await start_import(api, file)
        while not (await session.execute(IS_WAITING_FOR_LOCK)).scalar_one():
            pass
        proxy.fail("stall")
        await session.rollback()

        await connected.start()

        await assert_events_count_once(api, database, import_id, file)


async def test_gzip_file_resumes_from_its_checkpoint_and_reports_progress_in_compressed_bytes(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=60_000, seed=10)
    compressed = gzip.compress(file.content)
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=HOUR_S)
    s3.fail("stall", after_bytes=65_536 + len(compressed) // 2)
    import_id = await start_import(api, compressed)

    await s3.wait_until_failing()
    at_kill = await wait_until(api, database, import_id, lambda row: row.rows_read > 15_000)
    await killed.kill()
    await workers.start()

    assert len(compressed) / 5 < at_kill.bytes_read < len(compressed) * 3 / 4
    await assert_events_count_once(api, database, import_id, file)
