import asyncio
import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import botocore.auth
import httpx
import pytest
from botocore.exceptions import ClientError

from graph.embedded.servers import EmbeddedServers
from graph.object_store import (
    MIB,
    PART_BYTES,
    ObjectChanged,
    ObjectMissing,
    ObjectStore,
    ObjectStoreAddress,
    StoredObject,
    open_object_store,
)
from tests.fixtures.api import WAIT_S

LETTERS = b"abcdefghij"
LETTERS_ETAG = '"a925576942e94b2ef57a066101b48876"'


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for piece in contents:
        yield piece


async def etag_of(store: ObjectStore, key: str) -> str:
    found = await store.find(key)
    assert found
    return found.etag


async def test_written_object_is_found(object_store: ObjectStore) -> None:
    await object_store.write("found", LETTERS, content_type="text/plain")

    found = await object_store.find("found")

    assert found == StoredObject(size_bytes=10, etag=LETTERS_ETAG)


async def test_unknown_key_is_not_found(object_store: ObjectStore) -> None:
    assert await object_store.find("never") is None


@pytest.mark.parametrize(
    ("offset", "size", "content"),
    [
        (0, None, b"abcdefghij"),
        (3, None, b"defghij"),
        (3, 4, b"defg"),
        (0, 1, b"a"),
        (8, 5, b"ij"),
        (9, 1, b"j"),
        (10, None, b""),
        (10, 5, b""),
        (11, 5, b""),
        (4, 0, b""),
    ],
)
async def test_range_is_read_up_to_the_end_of_the_object(
    object_store: ObjectStore, offset: int, size: int | None, content: bytes
) -> None:
    await object_store.write("range", LETTERS, content_type="text/plain")

    assert await object_store.read("range", etag=LETTERS_ETAG, offset=offset, size=size) == content


async def test_empty_object_is_read(object_store: ObjectStore) -> None:
    await object_store.write("empty", b"", content_type="text/plain")

    assert await object_store.read("empty", etag=await etag_of(object_store, "empty")) == b""


async def test_reading_an_unknown_key_raises_object_missing(object_store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        await object_store.read("never", etag=LETTERS_ETAG)


async def test_reading_a_replaced_object_raises_object_changed(object_store: ObjectStore) -> None:
    await object_store.write("replaced", LETTERS, content_type="text/plain")
    await object_store.write("replaced", LETTERS.upper(), content_type="text/plain")

    with pytest.raises(ObjectChanged):
        await object_store.read("replaced", etag=LETTERS_ETAG, offset=5)


async def test_large_object_is_written_in_parts_and_streamed_from_an_offset(object_store: ObjectStore) -> None:
    third = bytes(range(256)) * (PART_BYTES // 256 * 2 // 3)
    await object_store.write_stream("large", pieces(third, third, third, b"end"), content_type="text/csv")
    whole = third * 3 + b"end"

    found = await object_store.find("large")
    assert found
    streamed = [piece async for piece in object_store.stream("large", etag=found.etag, offset=12_345)]

    assert found.size_bytes == len(whole)
    assert found.etag.endswith('-2"')
    assert b"".join(streamed) == whole[12_345:]
    assert max(len(piece) for piece in streamed) <= MIB


async def test_empty_stream_writes_an_empty_object(object_store: ObjectStore) -> None:
    await object_store.write_stream("nothing", pieces(), content_type="text/csv")

    found = await object_store.find("nothing")
    assert found
    assert found.size_bytes == 0


async def test_failed_stream_leaves_the_existing_object_unchanged(object_store: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield bytes(PART_BYTES)
        raise EOFError

    await object_store.write("unchanged", LETTERS, content_type="text/plain")

    with pytest.raises(EOFError):
        await object_store.write_stream("unchanged", failing(), content_type="text/csv")

    assert await object_store.read("unchanged", etag=LETTERS_ETAG) == LETTERS


@asynccontextmanager
async def disconnecting_proxy(address: ObjectStoreAddress, *, after_bytes: int) -> AsyncIterator[ObjectStoreAddress]:
    """Run a proxy that closes one connection once it has passed on a number of bytes of responses."""
    assert address.endpoint_url
    upstream = urlsplit(address.endpoint_url)
    bytes_left = after_bytes

    async def forward_requests(reader: asyncio.StreamReader, store: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            store.write(data)
        store.close()

    async def forward_responses(store: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal bytes_left
        while data := await store.read(65_536):
            writer.write(data)
            await writer.drain()
            previously_left, bytes_left = bytes_left, bytes_left - len(data)
            if previously_left > 0 >= bytes_left:
                break
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection(upstream.hostname, upstream.port)
        await asyncio.gather(
            forward_requests(reader, to_store), forward_responses(from_store, writer), return_exceptions=True
        )

    async with await asyncio.start_server(connect, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        yield dataclasses.replace(address, endpoint_url=f"http://127.0.0.1:{port}")


async def test_stream_resumes_after_a_lost_connection(servers: EmbeddedServers, object_store: ObjectStore) -> None:
    whole = bytes(range(256)) * (4 * MIB // 256)
    await object_store.write("fragile", whole, content_type="text/csv")
    etag = await etag_of(object_store, "fragile")

    async with (
        disconnecting_proxy(servers.object_store, after_bytes=MIB) as address,
        open_object_store(address) as store,
    ):
        streamed = [piece async for piece in store.stream("fragile", etag=etag, offset=10)]

    assert b"".join(streamed) == whole[10:]


async def test_stream_does_not_resume_with_a_replaced_object(
    servers: EmbeddedServers, object_store: ObjectStore
) -> None:
    await object_store.write("fragile", bytes(4 * MIB), content_type="text/csv")
    etag = await etag_of(object_store, "fragile")

    async with (
        disconnecting_proxy(servers.object_store, after_bytes=MIB) as address,
        open_object_store(address) as store,
    ):
        stream = store.stream("fragile", etag=etag)
        await anext(stream)
        await object_store.write("fragile", LETTERS, content_type="text/csv")

        with pytest.raises(ObjectChanged):
            async for _ in stream:
                pass


async def test_browser_upload_through_a_link_is_stored(object_store: ObjectStore) -> None:
    link = await object_store.upload_link("links/Zählwerk 1.csv", expires_in_s=60)

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        uploaded = await browser.put(link, content=LETTERS, headers={"Content-Type": "text/csv"})

    assert uploaded.status_code == 200
    assert await object_store.read("links/Zählwerk 1.csv", etag=uploaded.headers["ETag"]) == LETTERS


@pytest.mark.parametrize(
    ("file_name", "disposition"),
    [
        ("report.csv", "attachment; filename=\"report.csv\"; filename*=UTF-8''report.csv"),
        ("Müller 电.csv", "attachment; filename=\"M_ller _.csv\"; filename*=UTF-8''M%C3%BCller%20%E7%94%B5.csv"),
        ('a"b\\c%\r\n.csv', "attachment; filename=\"a_b_c___.csv\"; filename*=UTF-8''a%22b%5Cc%25%0D%0A.csv"),
    ],
)
async def test_download_has_the_requested_file_name(
    object_store: ObjectStore, file_name: str, disposition: str
) -> None:
    await object_store.write("named", LETTERS, content_type="application/octet-stream")
    link = await object_store.download_link(
        "named", file_name=file_name, content_type="text/csv; charset=utf-8", expires_in_s=60
    )

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        downloaded = await browser.get(link)

    assert downloaded.content == LETTERS
    assert downloaded.headers["Content-Disposition"] == disposition
    assert downloaded.headers["Content-Type"] == "text/csv; charset=utf-8"


async def test_link_allows_one_method_on_one_object(object_store: ObjectStore) -> None:
    for key in ("opened", "closed"):
        await object_store.write(key, LETTERS, content_type="text/plain")
    download = await object_store.download_link("opened", file_name="a", content_type="text/plain", expires_in_s=60)
    upload = await object_store.upload_link("opened", expires_in_s=60)

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        opened = await browser.get(download)
        refused = [
            await browser.get(download.replace("/opened?", "/closed?")),
            await browser.get(download.replace("/opened?", "/?")),
            *[await browser.request(method, download) for method in ("PUT", "DELETE", "HEAD")],
            await browser.put(upload.replace("/opened?", "/closed?"), content=b"other"),
            *[await browser.request(method, upload) for method in ("GET", "DELETE", "HEAD")],
            await browser.get(download.partition("?")[0]),
        ]

    assert opened.content == LETTERS
    assert {answer.status_code for answer in refused} == {403}
    for key in ("opened", "closed"):
        assert await object_store.read(key, etag=LETTERS_ETAG) == LETTERS


@pytest.mark.parametrize(
    ("signed", "tampered"),
    [
        ("response-content-type=text%2Fplain", "response-content-type=text%2Fhtml"),
        ("response-content-disposition=attachment", "response-content-disposition=inline"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host&response-cache-control=public"),
    ],
)
async def test_changed_link_is_rejected(object_store: ObjectStore, signed: str, tampered: str) -> None:
    await object_store.write("unchanged", LETTERS, content_type="text/plain")
    link = await object_store.download_link("unchanged", file_name="a", content_type="text/plain", expires_in_s=60)
    assert signed in link

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        answer = await browser.get(link.replace(signed, tampered))

    assert answer.status_code == 403


async def test_expired_link_is_rejected(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await object_store.write("expired", LETTERS, content_type="text/plain")
    # botocore reads the system clock and takes no clock as an argument, so its clock is set back.
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) - timedelta(seconds=61))
    download = await object_store.download_link("expired", file_name="a", content_type="text/plain", expires_in_s=60)
    upload = await object_store.upload_link("expired", expires_in_s=60)
    unexpired = await object_store.upload_link("expired", expires_in_s=600)
    monkeypatch.undo()

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        answers = [await browser.get(download), await browser.put(upload, content=b"late")]
        unchanged = await object_store.read("expired", etag=LETTERS_ETAG)
        in_time = await browser.put(unexpired, content=LETTERS)

    assert [answer.status_code for answer in answers] == [403, 403]
    assert unchanged == LETTERS
    assert in_time.status_code == 200


async def test_only_pages_of_the_cors_origins_may_use_links(object_store: ObjectStore) -> None:
    link = await object_store.upload_link("cors", expires_in_s=60)

    async def allowed(origins: Sequence[str]) -> list[str | None]:
        await object_store.set_cors_origins(origins)
        headers = {"access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
        async with httpx.AsyncClient(timeout=WAIT_S) as browser:
            answers = [
                await browser.options(link, headers={"origin": origin, **headers})
                for origin in ("https://app.example", "http://[::1]:8000", "https://evil.example")
            ]
        return [answer.headers.get("access-control-allow-origin") for answer in answers]

    listed = await allowed(["https://app.example", "http://[::1]:8000"])
    everyone = await allowed(["*"])

    assert listed == ["https://app.example", "http://[::1]:8000", None]
    assert None not in everyone


async def test_aws_links_have_the_host_of_the_bucket_in_its_region() -> None:
    address = ObjectStoreAddress("vpp-files", access_key_id="key", secret_access_key="secret", region="ap-southeast-2")

    async with open_object_store(address) as store:
        link = await store.upload_link("file.csv", expires_in_s=60)

        origin = await store.origin()

    assert origin == "https://vpp-files.s3.ap-southeast-2.amazonaws.com"
    assert link.startswith(
        "https://vpp-files.s3.ap-southeast-2.amazonaws.com/file.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
    )


async def test_deleting_a_deleted_object_is_not_an_error(object_store: ObjectStore) -> None:
    await object_store.write("deleted", LETTERS, content_type="text/plain")

    await object_store.delete("deleted")
    await object_store.delete("deleted")

    assert await object_store.find("deleted") is None


async def test_ping_raises_if_the_bucket_cannot_be_used(servers: EmbeddedServers, object_store: ObjectStore) -> None:
    await object_store.ping()

    async with open_object_store(dataclasses.replace(servers.object_store, secret_access_key="guessed")) as other_store:
        with pytest.raises(ClientError, match="403"):
            await other_store.ping()


@pytest.mark.parametrize("part_bytes", [5 * MIB, 16 * MIB, 256 * MIB])
async def test_object_is_copied_whole_or_in_parts(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, part_bytes: int
) -> None:
    monkeypatch.setattr("graph.object_store.COPY_PART_BYTES", part_bytes)
    whole = random.Random(1).randbytes(16 * MIB)
    await object_store.write("source", whole, content_type="text/csv")
    etag = await etag_of(object_store, "source")

    await object_store.copy("source", "target", etag=etag, size_bytes=len(whole))

    assert await object_store.read("target", etag=await etag_of(object_store, "target")) == whole
    assert await etag_of(object_store, "source") == etag


@pytest.mark.parametrize("part_bytes", [5 * MIB, 256 * MIB])
async def test_changed_or_missing_object_is_not_copied(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, part_bytes: int
) -> None:
    monkeypatch.setattr("graph.object_store.COPY_PART_BYTES", part_bytes)
    await object_store.write("source", bytes(6 * MIB), content_type="text/csv")

    with pytest.raises(ObjectChanged):
        await object_store.copy("source", "no copy", etag=LETTERS_ETAG, size_bytes=6 * MIB)
    with pytest.raises(ObjectMissing):
        await object_store.copy("never", "no copy", etag=LETTERS_ETAG, size_bytes=6 * MIB)

    assert await object_store.find("no copy") is None


async def test_replaced_object_is_not_deleted(object_store: ObjectStore) -> None:
    await object_store.write("replaced", LETTERS.upper(), content_type="text/plain")

    with pytest.raises(ObjectChanged):
        await object_store.delete_unchanged("replaced", etag=LETTERS_ETAG)
    assert await object_store.find("replaced") is not None

    await object_store.delete_unchanged("replaced", etag=await etag_of(object_store, "replaced"))
    assert await object_store.find("replaced") is None
