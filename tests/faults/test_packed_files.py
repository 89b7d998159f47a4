"""Files packed by gzip: whole, broken off and damaged."""

import gzip
from collections.abc import Callable
from itertools import pairwise

import pytest

from db.engine.database import Database
from tests.fixtures.api import Api
from tests.fixtures.event_file import event_file
from tests.fixtures.watching import assert_counted_once, started

DAMAGED = "The file is a gzip that is damaged and cannot be unpacked; pack it again and import it anew."


async def test_a_packed_file_is_imported(api: Api, database: Database, worker: None, nmis: list[str]) -> None:
    file = event_file(nmis, rows=10_000, seed=1)

    import_id = await started(api, gzip.compress(file.content))

    await assert_counted_once(api, database, import_id, file)


async def test_members_of_a_gzip_are_one_file_and_padding_is_no_part_of_it(
    api: Api, database: Database, worker: None, nmis: list[str]
) -> None:
    file = event_file(nmis, rows=10_000, seed=2)
    cuts = [0, 40, 100_000, 100_000, len(file.content)]
    members = [gzip.compress(file.content[start:end]) for start, end in pairwise(cuts)]

    import_id = await started(api, (bytes(512)).join(members) + bytes(70_000))

    await assert_counted_once(api, database, import_id, file)


def broken_off(packed: bytes) -> bytes:
    return packed[: len(packed) * 3 // 4]


def with_a_flipped_bit(packed: bytes) -> bytes:
    return packed[:-100_000] + bytes([packed[-100_000] ^ 1]) + packed[-99_999:]


def with_a_wrong_sum(packed: bytes) -> bytes:
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


def with_something_behind(packed: bytes) -> bytes:
    return packed + b"and more"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (broken_off, "The file is a gzip that breaks off before its end; import the whole of it anew."),
        (with_a_flipped_bit, DAMAGED),
        (with_a_wrong_sum, DAMAGED),
        (with_something_behind, DAMAGED),
    ],
)
async def test_a_gzip_that_is_not_whole_fails_with_the_reason(
    api: Api, worker: None, nmis: list[str], spoil: Callable[[bytes], bytes], reason: str
) -> None:
    file = event_file(nmis, rows=20_000, seed=4)

    failed = await api.wait_for_import(await started(api, spoil(gzip.compress(file.content, mtime=0))))

    assert (failed["status"], failed["failureReason"]) == ("FAILED", reason)
