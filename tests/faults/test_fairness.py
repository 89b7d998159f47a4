"""Imports at the same time, in one worker."""

from sqlalchemy import text

from db.engine.database import Database
from graph.worker import MAX_CONCURRENT_IMPORTS
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import assert_counted_once, started
from tests.fixtures.worker_process import Workers

TEN = 10
FIRST_MOVES_AND_FIRST_END = text("""
    select max(first_move), min(finished_at), count(*)
    from imports
    join (select import_id, min(created_at) as first_move from import_checkpoints group by import_id) moves
      on moves.import_id = imports.id
""")


async def test_ten_imports_have_all_moved_before_the_first_is_complete(
    api: Api, database: Database, workers: Workers, nmis: list[str]
) -> None:
    files = [event_file(nmis, rows=5_000, seed=seed) for seed in range(TEN)]
    import_ids = [await started(api, file) for file in files]

    await workers.start()

    for import_id, file in zip(import_ids, files, strict=True):
        await assert_counted_once(api, database, import_id, file)
    row = await database.row(FIRST_MOVES_AND_FIRST_END)
    assert row is not None
    last_first_move, first_end, count = row
    assert count == TEN
    assert last_first_move < first_end


async def test_a_report_waits_for_none_of_more_imports_than_a_worker_does_at_once(
    api: Api, database: Database, worker: None, nmis: list[str]
) -> None:
    files = [event_file(nmis, rows=100, seed=100 + seed) for seed in range(MAX_CONCURRENT_IMPORTS + 1)]
    async with database.transaction() as others:
        # Every file has a bad row, and so none gets any further.
        await others.execute(text("lock table import_rejections in exclusive mode"))
        import_ids = [await started(api, file) for file in files]

        report = await api.settle_month(await api.create_vpp(), "2025-09")

    assert report["status"] == "READY"
    for import_id, file in zip(import_ids, files, strict=True):
        await assert_counted_once(api, database, import_id, file)
