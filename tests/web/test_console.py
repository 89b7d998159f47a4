"""Tests of the console's page as the server sends it: its paths, its meta tags and its content security policy."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

import graph.auth.oidc
from graph.auth.oidc import MIN_FETCH_INTERVAL_S, REFRESH_AFTER_S, OidcIssuer
from graph.embedded.servers import EmbeddedServers
from graph.settings import OidcSettings
from graph.web import console
from graph.web.app import application
from tests.fixtures.api import API_KEY, WAIT_S
from tests.fixtures.issuer import CLIENT_ID, LocalIssuer, local_issuer

HTML = {"accept": "text/html,application/xhtml+xml;q=0.9"}
METAS = ("api-key", "oidc-issuer", "oidc-client-id", "oidc-scope")
ADDRESSES = [
    *("/", "/vpps", "/vpps/", "/vpps/1f0c8f5e-6f0d-4a53-9d0b-3f0a5a4f7c11/sites", "/sites", "/sites/new"),
    *("/imports", "/imports/a/b", "/reports", "/reports/2025-09", "/parks", "/parks/a.b", "/access", "/access/keys"),
    *("/sign-in", "/sign-in/callback?code=a&state=b", "/graphql"),
]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the page that the build of the console creates."""
    metas = "".join(f'<meta name="{name}" content="">' for name in METAS)
    (tmp_path / "index.html").write_text(f"<html>{metas}</html>")
    monkeypatch.setattr(console, "STATIC", tmp_path)


@pytest.fixture(autouse=True)
def origins_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the page wait for the issuer's discovery document, however slow the machine is."""
    monkeypatch.setattr(graph.auth.oidc, "ORIGINS_TIMEOUT_S", WAIT_S)


@pytest.fixture
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        yield issuer


@asynccontextmanager
async def started(servers: EmbeddedServers, **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings: dict[str, Any] = {
        "database_url": servers.database_url,
        "object_store": servers.object_store,
        "bootstrap_api_key": API_KEY,
        "embedded": True,
    }
    app = application(**settings | changed)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=HTML) as client,
    ):
        yield client


def meta_tags(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<meta name="([a-z-]+)" content="([^"]*)">', answer.text))


def connect_sources(answer: httpx.Response) -> list[str]:
    """Return the origins in the policy's connect-src, without 'self' and the object store."""
    policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
    return policy["connect-src"].split(" ")[2:]


async def test_every_path_of_the_console_returns_the_same_page(servers: EmbeddedServers) -> None:
    async with started(servers) as client:
        answers = [await client.get(address) for address in ADDRESSES]
        heads = [await client.head(address) for address in ADDRESSES]

    assert {(answer.status_code, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert {answer.headers["content-type"] for answer in answers} == {"text/html; charset=utf-8"}
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert len({answer.headers["content-security-policy"] for answer in answers}) == 1
    assert meta_tags(answers[0])["api-key"] == API_KEY
    assert [(head.status_code, head.headers["content-length"]) for head in heads] == [
        (200, answer.headers["content-length"]) for answer in answers
    ]


@pytest.mark.parametrize("address", ["/nowhere", "/vppsx", "/site", "/signin", "/index.html", "/graphql/vpps"])
async def test_other_paths_return_404(servers: EmbeddedServers, address: str) -> None:
    async with started(servers) as client:
        answer = await client.get(address)

    assert answer.status_code == 404
    assert API_KEY not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_paths_of_the_console_reject_methods_other_than_get(servers: EmbeddedServers, method: str) -> None:
    async with started(servers) as client:
        answers = [await client.request(method, address) for address in ("/", "/vpps", "/sign-in/callback")]

    assert [answer.status_code for answer in answers] == [405] * 3


async def test_get_of_graphql_without_html_returns_405(servers: EmbeddedServers) -> None:
    async with started(servers) as client:
        answer = await client.get("/graphql", headers={"accept": "application/json"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert API_KEY not in answer.text


async def test_page_of_another_origin_may_not_read_the_key(servers: EmbeddedServers) -> None:
    async with started(servers) as client:
        answers = [await client.get(address, headers={"origin": "http://localhost:5173"}) for address in ADDRESSES]

    assert {answer.status_code for answer in answers} == {200}
    assert not any("access-control-allow-origin" in answer.headers for answer in answers)


@pytest.mark.parametrize(
    ("embedded", "host", "key", "shown"),
    [
        (True, "127.0.0.1", API_KEY, API_KEY),
        (True, "localhost", API_KEY, API_KEY),
        (True, "::1", API_KEY, API_KEY),
        (True, "127.0.0.1", '"><script>', "&quot;&gt;&lt;script&gt;"),
        (True, "127.0.0.1", None, ""),
        (True, "0.0.0.0", API_KEY, ""),  # noqa: S104
        (True, "::", API_KEY, ""),
        (True, "192.168.1.5", API_KEY, ""),
        (False, "127.0.0.1", API_KEY, ""),
    ],
)
async def test_page_contains_a_key_only_if_embedded_and_bound_to_loopback(
    servers: EmbeddedServers, embedded: bool, host: str, key: str | None, shown: str
) -> None:
    async with started(servers, embedded=embedded, host=host, bootstrap_api_key=key) as client:
        answers = [await client.get("/"), await client.get("/graphql")]

    nothing_else = {"oidc-issuer": "", "oidc-client-id": "", "oidc-scope": ""}
    assert [meta_tags(answer) for answer in answers] == [{"api-key": shown, **nothing_else}] * 2


async def test_console_that_is_not_built_explains_how_to_build_it(
    servers: EmbeddedServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "STATIC", Path("nowhere"))

    async with started(servers) as client:
        answer = await client.get("/")

    assert (answer.status_code, answer.text) == (200, "The console is not built; `pip install .` builds it.")


# Sign-in with OIDC


@pytest.mark.parametrize(
    ("changed", "client_id", "scope"),
    [
        ({}, CLIENT_ID, "openid email"),
        ({"audience": ("https://vpp.example.com", CLIENT_ID)}, "https://vpp.example.com", "openid email"),
        ({"client_id": "console", "scope": "openid offline_access"}, "console", "openid offline_access"),
        ({"client_id": 'a"b<c', "scope": "openid 'x'&"}, "a&quot;b&lt;c", "openid &#x27;x&#x27;&amp;"),
    ],
)
async def test_page_contains_the_oidc_client_id_and_scope(
    servers: EmbeddedServers, issuer: LocalIssuer, changed: dict[str, Any], client_id: str, scope: str
) -> None:
    async with started(servers, oidc=issuer.settings(**changed)) as client:
        answer = await client.get("/")

    assert meta_tags(answer) == {
        "api-key": API_KEY,
        "oidc-issuer": issuer.url,
        "oidc-client-id": client_id,
        "oidc-scope": scope,
    }


@pytest.mark.parametrize("name", ["my issuer", "http://10.0.0.1"])
async def test_page_offers_no_sign_in_for_an_issuer_that_a_browser_cannot_reach(
    servers: EmbeddedServers, issuer: LocalIssuer, name: str
) -> None:
    async with started(servers, oidc=issuer.settings(issuer=name, jwks_url=f"{issuer.url}/keys")) as client:
        answer = await client.get("/")

    assert meta_tags(answer) == {"api-key": API_KEY, "oidc-issuer": "", "oidc-client-id": "", "oidc-scope": ""}
    assert connect_sources(answer) == []


async def test_csp_allows_the_endpoints_of_the_discovery_document(
    servers: EmbeddedServers, issuer: LocalIssuer
) -> None:
    issuer.discovery_document |= {
        "authorization_endpoint": "https://pages.example.com/authorize",
        "token_endpoint": "https://Pool.auth.example.com/oauth2/token",
        "userinfo_endpoint": "https://pool.auth.example.com/oauth2/userInfo",
        "revocation_endpoint": "https://revoke.example.com:8443/oauth2/revoke",
        "end_session_endpoint": "https://pool.auth.example.com/logout",
    }

    async with started(servers, oidc=issuer.settings()) as client:
        answers = [await client.get(address) for address in ("/", "/sign-in/callback?code=a", "/graphql")]

    origins = [issuer.url, "https://pool.auth.example.com", "https://revoke.example.com:8443"]
    assert [connect_sources(answer) for answer in answers] == [origins] * 3
    assert issuer.discovery_requests == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        *("http://issuer.example.com/token", "https://a;script-src/token", "https://a,b/token", "https://a b/token"),
        *("https://*/token", "https://*.example.com/token", "https://'unsafe-inline'/token", "https:///token"),
        *("https://me@issuer.example.com/token", "https://b\u00fccher.example/token", "https://[2001:db8::1]/token"),
        *("https://issuer.example.com:x/token", "data:text/html,", "javascript:alert(1)", "/token", "", None, 5, []),
        *("https://a\r\nset-cookie:b=c", "https://a%3B/token"),
    ],
)
async def test_csp_leaves_out_endpoints_that_are_unsafe_or_malformed(
    servers: EmbeddedServers, issuer: LocalIssuer, endpoint: object
) -> None:
    issuer.discovery_document = {"issuer": issuer.url, "token_endpoint": endpoint}

    async with started(servers, oidc=issuer.settings()) as client:
        answer = await client.get("/")

    assert connect_sources(answer) == [issuer.url]


async def test_csp_allows_only_the_issuer_if_its_discovery_document_names_another(
    servers: EmbeddedServers, issuer: LocalIssuer
) -> None:
    issuer.discovery_document |= {
        "issuer": "https://issuer.example.com",
        "token_endpoint": "https://issuer.example.com/token",
    }

    async with started(servers, oidc=issuer.settings()) as client:
        answer = await client.get("/")

    assert connect_sources(answer) == [issuer.url]


async def test_page_is_served_while_the_issuer_is_unreachable(servers: EmbeddedServers) -> None:
    gone = OidcSettings(issuer="http://127.0.0.1:1", audience=(CLIENT_ID,))

    async with started(servers, oidc=gone) as client:
        answer = await client.get("/")

    assert (answer.status_code, connect_sources(answer)) == (200, ["http://127.0.0.1:1"])


async def test_page_does_not_wait_for_an_unresponsive_issuer(
    servers: EmbeddedServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph.auth.oidc, "ORIGINS_TIMEOUT_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async with started(servers, oidc=OidcSettings(issuer=url, audience=(CLIENT_ID,))) as client, asyncio.timeout(4):
            answer = await client.get("/")

    assert (answer.status_code, connect_sources(answer)) == (200, [url])


async def test_discovery_document_is_fetched_again_after_a_failure_or_when_stale(issuer: LocalIssuer) -> None:
    clock = Clock()
    oidc = OidcIssuer(issuer.settings(), clock=clock)
    of_another = {"issuer": "https://issuer.example.com"}
    own = {"issuer": issuer.url, "token_endpoint": "https://pool.auth.example.com/token"}

    issuer.discovery_document = of_another
    with structlog.testing.capture_logs() as logs:
        without = [await oidc.origins(), await oidc.origins()]
    fetched_without = issuer.discovery_requests
    issuer.discovery_document = own
    clock.now += MIN_FETCH_INTERVAL_S
    within = await oidc.origins()
    issuer.discovery_document = of_another
    clock.now += REFRESH_AFTER_S
    old = await oidc.origins()
    await oidc.close()

    origins = [issuer.url, "https://pool.auth.example.com"]
    assert (without, fetched_without) == ([[issuer.url]] * 2, 1)
    assert [line["reason"] for line in logs] == [f"{issuer.url}/.well-known/openid-configuration names another issuer"]
    assert (within, old) == (origins, origins)
