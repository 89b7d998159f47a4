import httpx
import pytest

from graph.embedded.servers import EmbeddedServers
from graph.object_store import ObjectStoreAddress
from graph.web.app import application
from tests.fixtures.api import API_KEY, Api

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/graphql", 401),
        ("GET", "/graphql", 405),
        ("GET", "/amplify_outputs.json", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
    ],
)
async def test_every_response_has_security_headers_and_is_not_cached(
    api: Api, method: str, path: str, status: int
) -> None:
    answer = await api.client.request(method, path)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["content-security-policy"] == STRICT_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers


async def test_rejections_have_security_headers(api: Api) -> None:
    misdirected = await api.client.get("/graphql", headers={"host": "rebound.example"})
    foreign = await api.client.post("/graphql", headers={"origin": "https://evil.example"})

    assert [misdirected.status_code, foreign.status_code] == [421, 403]
    for answer in (misdirected, foreign):
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


async def test_page_may_load_own_files_and_upload_to_the_object_store(api: Api, servers: EmbeddedServers) -> None:
    answer = await api.client.get("/graphql", headers={"accept": "text/html"})

    policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
    assert answer.headers["cache-control"] == "no-store"
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"] == f"'self' {servers.object_store.endpoint_url}"
    assert policy["frame-ancestors"] == "'none'"


async def test_static_files_may_be_cached(api: Api) -> None:
    answer = await api.client.get("/static/nothing.js")

    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://vpp.example", "max-age=31536000"),
        ("http://vpp.example", None),
        ("https://localhost:8443", None),
        ("https://127.0.0.1:8443", None),
    ],
)
async def test_host_name_called_over_https_gets_hsts_for_a_year(base_url: str, expected: str | None) -> None:
    app = application(
        database_url="postgresql://nowhere",
        object_store=ObjectStoreAddress("bucket"),
        bootstrap_api_key=API_KEY,
        embedded=False,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
        answer = await client.get("/livez")

    assert answer.headers.get("strict-transport-security") == expected
