import dataclasses

import httpx
import psutil
import pytest
from botocore.exceptions import ClientError

from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStore, open_object_store
from tests.fixtures.api import WAIT_S


async def test_servers_listen_on_loopback_only(servers: EmbeddedServers) -> None:
    try:
        sockets = [
            socket for child in psutil.Process().children(recursive=True) for socket in child.net_connections("inet")
        ]
    except psutil.AccessDenied:
        pytest.skip("In this container not even root may list the sockets of other processes.")

    listening = [socket.laddr.ip for socket in sockets if socket.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)]

    assert set(listening) == {"127.0.0.1"}
    assert len(listening) >= 11  # Postgres, and SeaweedFS's five servers, each with HTTP and gRPC.


async def test_wrong_secret_is_rejected(servers: EmbeddedServers) -> None:
    guessed = dataclasses.replace(servers.object_store, secret_access_key="guessed")

    async with open_object_store(guessed) as store:
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            await store.write("guessed", b"", content_type="text/plain")


async def test_presigned_link_allows_only_the_request_it_was_signed_for(object_store: ObjectStore) -> None:
    link = await object_store.upload_link("links/signed", expires_in_s=60)

    async with httpx.AsyncClient(timeout=WAIT_S) as browser:
        answers = [
            await browser.put(link.replace("links/signed", "links/other"), content=b"tampered"),
            await browser.put(link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), content=b"tampered"),
            await browser.put(link.partition("?")[0], content=b"unsigned"),
            await browser.get(link),
            await browser.delete(link),
        ]

    assert [answer.status_code for answer in answers] == [403] * 5
    assert await object_store.find("links/signed") is None
    assert await object_store.find("links/other") is None


async def test_pages_of_any_origin_may_put_and_get_through_presigned_links(object_store: ObjectStore) -> None:
    page = {"Origin": "https://console.example"}
    upload = await object_store.upload_link("links/page.csv", expires_in_s=60)
    download = await object_store.download_link(
        "links/page.csv", file_name="page.csv", content_type="text/csv", expires_in_s=60
    )

    async with httpx.AsyncClient(headers=page, timeout=WAIT_S) as browser:
        preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
        options = await browser.options(upload, headers=preflight)
        put = await browser.put(upload, content=b"a,b\n", headers={"Content-Type": "text/csv"})
        got = await browser.get(download)

    assert options.status_code == 200
    assert "PUT" in options.headers["Access-Control-Allow-Methods"]
    assert "content-type" in options.headers["Access-Control-Allow-Headers"]
    assert put.status_code == 200
    assert "ETag" in put.headers["Access-Control-Expose-Headers"]
    assert got.content == b"a,b\n"
    for answer in (options, put, got):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://console.example"


async def test_writing_to_a_missing_bucket_does_not_create_it(servers: EmbeddedServers) -> None:
    elsewhere = dataclasses.replace(servers.object_store, bucket="elsewhere")

    async with open_object_store(elsewhere) as store:
        with pytest.raises(ClientError, match="AccessDenied"):
            await store.write("key", b"", content_type="text/plain")
