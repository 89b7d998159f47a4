"""Workers that are killed, frozen, overtaken and stopped in the middle of an import."""

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
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.proxy import Proxy, proxy_before
from tests.fixtures.stalling import stall_behind
from tests.fixtures.watching import START, assert_counted_once, started, until, until_read
from tests.fixtures.worker_process import CHUNK_BYTES, Workers, workers_on

KILLS = 10
A_CHUNK_S = 0.03
AN_HOUR_S = 3600
OVERTAKEN = "The import was cancelled or claimed by another worker"
IS_WAITING = text("select exists (select from pg_locks where relation = 'import_rejections'::regclass and not granted)")
JOBS = text("select count(*) from pgqueuer where entrypoint = 'import'")


async def test_an_import_outlives_ten_workers(api: Api, database: Database, workers: Workers, nmis: list[str]) -> None:
    chance = random.Random(1)
    file = event_file(nmis, rows=40_000, seed=1)
    at_work, next_one = await workers.start(), await workers.start()
    import_id = await started(api, file)

    for moment in sorted(chance.random() for _ in range(KILLS)):
        after_next = await workers.start()
        await until_read(api, database, import_id, moment * len(file.content))
        # Not to wait for anything: what the worker is at when it is killed is to be left to chance.
        await asyncio.sleep(chance.uniform(0, A_CHUNK_S))
        await at_work.kill()
        at_work, next_one = next_one, after_next

    await assert_counted_once(api, database, import_id, file)


async def test_two_workers_with_the_same_job_count_each_row_once(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=2)
    import_id = await started(api, file)
    async with database.transaction() as session:
        await enqueue(session, Job.IMPORT, id=UUID(import_id))

    await workers.start()
    await workers.start()

    await assert_counted_once(api, database, import_id, file)


async def test_a_worker_frozen_past_its_lease_writes_no_more_and_leaves_the_job_to_who_has_it(
    api: Api, database: Database, workers: Workers, s3: Proxy, other_s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=3)
    frozen = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    first_part = stall_behind(s3, file, chunk_number=5)
    import_id = await started(api, file)
    await until_read(api, database, import_id, first_part)
    frozen.freeze()

    second_part = stall_behind(other_s3, file, chunk_number=10) - first_part
    other_s3.fail("stall", after_bytes=MAX_HEADER_BYTES + second_part + CHUNK_BYTES // 2)
    await workers.start(s3_port=other_s3.port, s3_read_timeout_s=AN_HOUR_S)
    overtaking = await until_read(api, database, import_id, first_part + second_part)
    await s3.heal()
    frozen.thaw()
    await frozen.says(OVERTAKEN)
    jobs = await database.row(JOBS)
    await other_s3.heal()

    assert overtaking.run == 2
    assert jobs is not None
    assert jobs[0] == 1
    await assert_counted_once(api, database, import_id, file)


async def test_a_worker_that_is_told_to_stop_lets_another_go_on_at_once(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=20_000, seed=4)
    # Nothing but being let go gives the job to another: the lease outlives the test.
    stopping = await workers.start(lease_s=AN_HOUR_S)
    import_id = await started(api, file)
    await until_read(api, database, import_id, 1)
    await workers.start(lease_s=AN_HOUR_S)

    status = await stopping.terminate()

    assert status == 0
    await assert_counted_once(api, database, import_id, file)
    ended = await until(api, database, import_id, lambda _: True)
    assert ended.run == 2


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("changed", "The file was changed after its import had begun; create another import for it."),
        ("deleted", "The file is no longer where it was uploaded."),
    ],
)
async def test_a_file_that_is_not_what_it_was_is_not_read_on(
    api: Api,
    database: Database,
    object_store: ObjectStore,
    workers: Workers,
    s3: Proxy,
    nmis: list[str],
    how: str,
    reason: str,
) -> None:
    file = event_file(nmis, rows=5_000, seed=5)
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    first_part = stall_behind(s3, file, chunk_number=3)
    import_id = await started(api, file)
    await until_read(api, database, import_id, first_part)
    await killed.kill()

    key = upload_key(UUID(import_id))
    if how == "changed":
        await object_store.write(key, file.content[:-1] + b" \n", content_type="text/csv")
    else:
        await object_store.delete(key)
    await workers.start()
    failed = await api.wait_for_import(import_id)

    assert (failed["status"], failed["failureReason"]) == ("FAILED", reason)
    assert (await api.refusal(START, id=import_id))[0] == ("Conflict" if how == "changed" else "ValidationFailed")


async def test_an_import_cancelled_while_it_runs_counts_nothing_and_is_swept_away(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=5_000, seed=6)
    worker = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    first_part = stall_behind(s3, file, chunk_number=3)
    import_id = await started(api, file)
    await until_read(api, database, import_id, first_part)

    await api.execute("mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }", id=import_id)
    await s3.heal()
    await worker.says(OVERTAKEN)
    again = await started(api, file)

    await assert_counted_once(api, database, again, file)
    assert (await until(api, database, import_id, lambda _: True)).status == Status.CANCELLED
    # A worker ends when its jobs have.
    await worker.terminate()
    blocks = await database.row(
        text("select count(*) from event_blocks where import_id = :id").bindparams(id=UUID(import_id))
    )
    assert blocks is not None
    assert blocks[0] == 0


async def test_an_import_is_reverted_when_it_is_complete_and_not_before(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    revert = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
    file = event_file(nmis, rows=5_000, seed=7)
    await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    first_part = stall_behind(s3, file, chunk_number=3)
    import_id = await started(api, file)
    await until_read(api, database, import_id, first_part)

    refusal = await api.refusal(revert, id=import_id)
    await s3.heal()
    await assert_counted_once(api, database, import_id, file)
    reverted = await api.execute(revert, id=import_id)
    again = await started(api, file)

    assert refusal[2] == "This import is RUNNING; only a completed one can be reverted, others can be cancelled."
    assert reverted == {"status": "REVERTED"}
    await assert_counted_once(api, database, again, file)


async def test_a_job_that_was_lost_is_done_all_the_same(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=1_000, seed=8)
    import_id = await started(api, file)
    async with database.transaction() as session:
        await session.execute(text("delete from pgqueuer"))

    await workers.start()

    await assert_counted_once(api, database, import_id, file)


async def test_a_worker_cut_off_in_the_middle_of_a_chunk_keeps_the_next_one_waiting_no_longer_than_its_lease(
    api: Api, servers: EmbeddedServers, database: Database, database_url: str, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=9)
    at = urlsplit(database_url)
    assert at.port
    async with (
        proxy_before(at.port) as way,
        workers_on(database_url.replace(f":{at.port}/", f":{way.port}/"), servers.object_store) as far,
        workers_on(database_url, servers.object_store) as near,
        database.transaction() as session,
    ):
        await session.execute(text("lock table import_rejections in access exclusive mode"))
        await far.start()
        import_id = await started(api, file)
        while not (await session.execute(IS_WAITING)).scalar_one():
            pass
        way.fail("stall")
        await session.rollback()

        await near.start()

        await assert_counted_once(api, database, import_id, file)


async def test_a_packed_file_goes_on_from_its_checkpoint_and_its_progress_is_that_of_the_packed_bytes(
    api: Api, database: Database, workers: Workers, s3: Proxy, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=60_000, seed=10)
    packed = gzip.compress(file.content)
    killed = await workers.start(s3_port=s3.port, s3_read_timeout_s=AN_HOUR_S)
    s3.fail("stall", after_bytes=65_536 + len(packed) // 2)
    import_id = await started(api, packed)

    await s3.fails()
    quarter = await until(api, database, import_id, lambda now: now.rows_read > 15_000)
    await killed.kill()
    await workers.start()

    assert len(packed) / 5 < quarter.bytes_read < len(packed) * 3 / 4
    await assert_counted_once(api, database, import_id, file)
