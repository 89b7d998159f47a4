"""Tests of the console's static files: gzip for clients that accept it, and caching without expiry."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from graph.object_store import ObjectStoreAddress
from graph.web import app as app_module
from graph.web.app import application
from tests.fixtures.api import API_KEY

TYPES = {
    "index-BWJPDk6f.js": ("text/javascript", "application/javascript"),
    "index-BWJPDk6f.css": ("text/css",),
    "icon-BWJPDk6f.svg": ("image/svg+xml",),
    "parser-BWJPDk6f.wasm": ("application/wasm",),
    "licence-BWJPDk6f.html": ("text/html",),
}
CONTENT = b"/* the same again */\n" * 20_000
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
async def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for the files that the build of the console creates."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in TYPES:
        (assets / name).write_bytes(CONTENT)
    (tmp_path / "robots.txt").write_bytes(CONTENT)
    monkeypatch.setattr(app_module, "STATIC", tmp_path)
    return assets


@pytest.fixture
async def client(assets: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = application(
        database_url="postgresql://nowhere",
        object_store=ObjectStoreAddress("bucket"),
        bootstrap_api_key=API_KEY,
        embedded=False,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/static") as client:
        yield client


@pytest.mark.parametrize("packed", [False, True], ids=["compressed by the server", "compressed by the build"])
@pytest.mark.parametrize("name", TYPES)
async def test_file_is_gzipped_for_clients_that_accept_it(
    client: httpx.AsyncClient, assets: Path, name: str, packed: bool
) -> None:
    if packed:
        (assets / f"{name}.gz").write_bytes(gzip.compress(CONTENT))

    gzipped = await client.get(f"/assets/{name}", headers={"accept-encoding": "br, gzip"})
    plain = await client.get(f"/assets/{name}", headers={"accept-encoding": "identity"})

    assert (gzipped.headers.get("content-encoding"), plain.headers.get("content-encoding")) == ("gzip", None)
    assert gzipped.content == plain.content == CONTENT
    for answer in (gzipped, plain):
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] in TYPES[name]
        assert answer.headers["cache-control"] == IMMUTABLE
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_file_compressed_by_the_build_is_sent_unchanged(client: httpx.AsyncClient, assets: Path) -> None:
    (assets / "index-BWJPDk6f.js.gz").write_bytes(gzip.compress(b"as the build left it"))

    answer = await client.get("/assets/index-BWJPDk6f.js")
    again = await client.get("/assets/index-BWJPDk6f.js", headers={"if-none-match": answer.headers["etag"]})
    head = await client.head("/assets/index-BWJPDk6f.js")

    assert answer.content == b"as the build left it"
    assert (again.status_code, again.headers["cache-control"], again.content) == (304, IMMUTABLE, b"")
    assert (head.status_code, head.headers["content-length"]) == (200, answer.headers["content-length"])


async def test_missing_file_is_not_cached(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/nothing.js")

    assert (answer.status_code, answer.headers.get("cache-control")) == (404, None)


async def test_file_without_a_hash_in_its_name_is_not_cached(client: httpx.AsyncClient) -> None:
    answer = await client.get("/robots.txt")

    assert (answer.status_code, answer.headers.get("cache-control")) == (200, None)
    assert answer.headers["content-encoding"] == "gzip"
