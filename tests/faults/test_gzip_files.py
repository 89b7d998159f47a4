"""Files compressed by gzip: complete, truncated and corrupt."""

import gzip
from collections.abc import Callable
from itertools import pairwise

import pytest

from db.engine.database import Database
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import assert_events_count_once, start_import

CORRUPT = "The gzip file is corrupt and cannot be decompressed; compress it again and upload it as a new import."
TRUNCATED = "The gzip file is truncated: it ends before its data does; upload it again as a new import."


async def test_gzip_file_is_imported(api: Api, database: Database, worker: None, nmis: list[str]) -> None:
    file = event_file(nmis, rows=10_000, seed=1)

    import_id = await start_import(api, gzip.compress(file.content))

    await assert_events_count_once(api, database, import_id, file)


async def test_members_of_a_gzip_are_one_file_and_padding_is_ignored(
    api: Api, database: Database, worker: None, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=2)
    cuts = [0, 40, 100_000, 100_000, len(file.content)]
    members = [gzip.compress(file.content[start:end]) for start, end in pairwise(cuts)]

    import_id = await start_import(api, (bytes(512)).join(members) + bytes(70_000))

    await assert_events_count_once(api, database, import_id, file)


def truncate(data: bytes) -> bytes:
    return data[: len(data) * 3 // 4]


def flip_a_bit(data: bytes) -> bytes:
    return data[:-100_000] + bytes([data[-100_000] ^ 1]) + data[-99_999:]


def change_the_checksum(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


def append_other_data(data: bytes) -> bytes:
    return data + b"and more"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (truncate, TRUNCATED),
        (flip_a_bit, CORRUPT),
        (change_the_checksum, CORRUPT),
        (append_other_data, CORRUPT),
    ],
)
async def test_truncated_or_corrupt_gzip_fails_with_the_reason(
    api: Api, worker: None, nmis: list[str], damage: Callable[[bytes], bytes], reason: str
) -> None:
    file = event_file(nmis, rows=20_000, seed=4)

    failed = await api.wait_for_import(await start_import(api, damage(gzip.compress(file.content, mtime=0))))

    assert (failed["status"], failed["failureReason"]) == ("FAILED", reason)
