"""Concurrent imports in one worker."""

from sqlalchemy import text

from db.engine.database import Database
from graph.worker import MAX_CONCURRENT_IMPORTS
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import assert_events_count_once, start_import
from tests.fixtures.worker_process import Workers

IMPORT_COUNT = 10
FIRST_CHECKPOINTS_AND_FIRST_END = text("""
    select max(first_checkpoint), min(finished_at), count(*)
    from imports
    join (select import_id, min(created_at) as first_checkpoint from import_checkpoints group by import_id)
      checkpoints on checkpoints.import_id = imports.id
""")


async def test_ten_imports_all_have_a_checkpoint_before_the_first_completes(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    files = [event_file(nmis, rows=5_000, seed=seed) for seed in range(IMPORT_COUNT)]
    import_ids = [await start_import(api, file) for file in files]

    await workers.start()

    for import_id, file in zip(import_ids, files, strict=True):
        await assert_events_count_once(api, database, import_id, file)
    row = await database.row(FIRST_CHECKPOINTS_AND_FIRST_END)
    assert row is not None
    latest_first_checkpoint, first_end, count = row
    assert count == IMPORT_COUNT
    assert latest_first_checkpoint < first_end


async def test_report_does_not_wait_for_imports_when_a_worker_has_its_maximum_of_imports(
    api: Api, database: Database, worker: None, nmis: list[str]
) -> None:
    files = [event_file(nmis, rows=100, seed=100 + seed) for seed in range(MAX_CONCURRENT_IMPORTS + 1)]
    async with database.transaction() as blocking:
        # Every file has an invalid row, so every import waits for this lock in its first chunk.
        await blocking.execute(text("lock table import_rejections in exclusive mode"))
        import_ids = [await start_import(api, file) for file in files]

        report = await api.settle_month(await api.create_vpp(), "2025-09")

    assert report["status"] == "READY"
    for import_id, file in zip(import_ids, files, strict=True):
        await assert_events_count_once(api, database, import_id, file)
