from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from graph.object_store import ObjectStoreAddress
from graph.web.app import application
from graph.web.origins import InvalidOrigin, Pages, is_of_this_machine, pages_of
from graph.web.server import Serving
from tests.fixtures.api import API_KEY, Api

PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
QUERY = {"query": "{ getCaller { name } }"}
APP = "https://app.example"


def client(*, base_url: str = "http://127.0.0.1:8000", **changed: Any) -> httpx.AsyncClient:
    """A client of an application whose lifespan has not started: these requests are rejected before they need it."""
    given: dict[str, Any] = {
        "database_url": "postgresql://nowhere",
        "object_store": ObjectStoreAddress("bucket"),
        "bootstrap_api_key": API_KEY,
        "embedded": True,
    }
    app = application(**given | changed)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("*", ("*",)),
        ("https://app.example", (APP,)),
        (" https://App.example/ , http://localhost:5173,", (APP, "http://localhost:5173")),
    ],
)
def test_origins_are_separated_by_commas(text: str, origins: tuple[str, ...]) -> None:
    assert pages_of(text) == Pages(origins)


@pytest.mark.parametrize(
    "text", ["app.example", "https://app.example/path", "https://*.example", "https://a b", "null"]
)
def test_invalid_origin_is_rejected(text: str) -> None:
    with pytest.raises(InvalidOrigin, match=r"expected one such as https://app\.example\.com, or \* for all"):
        pages_of(f"{APP},{text}")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(("localhost", True), ("LOCALHOST:8000", True), ("127.0.0.1:8000", True), ("127.0.0.2", True)),
        *(("[::1]:8000", True), ("[::1]", True), ("192.168.1.5", False), ("0.0.0.0", False), ("example.com", False)),  # noqa: S104
        *(("localhost.example.com", False), ("127.0.0.1.example.com", False), ("", False), ("[::1", False)),
        *(("a b", False), ("user@localhost.example", False), ("2130706433", False)),
    ],
)
def test_only_localhost_and_loopback_addresses_count_as_this_machine(host: str, expected: bool) -> None:
    assert is_of_this_machine(host) is expected


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:8000", "192.168.1.5:8000", "localhost.rebound.example", ""]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/graphql"), ("POST", "/graphql"), ("GET", "/amplify_outputs.json"), ("GET", "/metrics"), ("GET", "/")],
)
async def test_server_bound_to_loopback_rejects_other_host_names(method: str, path: str, host: str) -> None:
    async with client() as http:
        answer = await http.request(method, path, headers={"host": host, "accept": "text/html", "x-api-key": API_KEY})

    message = "This server answers to localhost and 127.0.0.1 only; for other names, start it with --host."
    assert (answer.status_code, answer.text) == (421, message)


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "vpp.example"])
async def test_livez_accepts_any_host_name(host: str) -> None:
    async with client() as http:
        answer = await http.get("/livez", headers={"host": host})

    assert (answer.status_code, answer.json()["status"]) == (200, "alive")


@pytest.mark.parametrize("changed", [{"host": "0.0.0.0"}, {"embedded": False}])  # noqa: S104
async def test_server_for_other_machines_accepts_any_host_name_and_shows_no_key(changed: dict[str, Any]) -> None:
    async with client(**changed) as http:
        answer = await http.get("/amplify_outputs.json", headers={"host": "vpp.example"})

    assert answer.json()["data"]["url"] == "http://vpp.example/graphql"
    assert API_KEY not in answer.text


@pytest.mark.parametrize(
    ("given", "allowed", "refused"),
    [
        (
            {},
            ["http://localhost:5173", "http://127.0.0.1", "https://localhost", "http://[::1]:3000"],
            [APP, "http://localhost.evil.example", "http://localhost:1@evil.example", "null", "file://", ""],
        ),
        ({"embedded": False}, [], ["http://localhost:5173", APP]),
        ({"pages": Pages((APP,))}, [APP, "HTTPS://App.example"], ["http://localhost:5173", "http://app.example"]),
        ({"pages": Pages((APP,))}, [], [f"{APP}.evil", f"{APP}:8443", "https://evil.example?https://app.example"]),
        ({"pages": Pages(("*",)), "embedded": False}, [APP, "null"], []),
    ],
)
async def test_state_changing_request_from_a_foreign_origin_is_rejected(
    given: dict[str, Any], allowed: list[str], refused: list[str]
) -> None:
    # For an allowed origin the status is 405, since /livez has no POST; for another it is 403, before routing.
    async with client(**given) as http:
        statuses = {
            origin: (await http.post("/livez", headers={"origin": origin})).status_code for origin in allowed + refused
        }

    assert statuses == {**dict.fromkeys(allowed, 405), **dict.fromkeys(refused, 403)}


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://vpp.example", "vpp.example", 405),
        ("https://vpp.example", "vpp.example", 405),
        ("https://VPP.example:8443", "vpp.EXAMPLE:8443", 405),
        ("http://vpp.example:8001", "vpp.example:8000", 403),
        ("http://vpp.example", "vpp.example.evil", 403),
        ("http://evil.example", "vpp.example", 403),
        ("null", "", 403),
    ],
)
async def test_origin_equal_to_the_host_header_is_our_own_page(origin: str, host: str, status: int) -> None:
    async with client(embedded=False) as http:
        answer = await http.post("/livez", headers={"origin": origin, "host": host})

    assert answer.status_code == status


async def test_rejected_page_receives_an_error_in_appsyncs_form(api: Api) -> None:
    headers = {"origin": APP, "x-api-key": API_KEY}

    answer = await api.client.post("/graphql", json=QUERY, headers=headers)

    message = f"Pages of {APP} may not call 127.0.0.1: VPP_CORS_ORIGINS does not list this origin."
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert answer.json() == {
        "message": message,
        "errors": [{"errorType": "AccessDeniedException", "message": message}],
    }
    assert "access-control-allow-origin" not in answer.headers


async def test_page_of_an_allowed_origin_may_read_the_response(api: Api) -> None:
    origin = "http://localhost:5173"

    preflight = await api.client.options("/graphql", headers={"origin": origin, **PREFLIGHT})
    answer = await api.client.post("/graphql", json=QUERY, headers={"origin": origin, "x-api-key": API_KEY})

    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, origin)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
    assert answer.json()["data"] == {"getCaller": {"name": "bootstrap"}}
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("given", "origin", "allowed"),
    [
        ({}, APP, None),
        ({"embedded": False}, "http://localhost:5173", None),
        ({"embedded": False, "pages": Pages((APP,))}, APP, APP),
        ({"embedded": False, "pages": Pages((APP,))}, "https://evil.example", None),
        ({"pages": Pages(("*",))}, "https://evil.example", "*"),
    ],
)
async def test_preflight_allows_listed_origins_only(given: dict[str, Any], origin: str, allowed: str | None) -> None:
    async with client(**given) as http:
        answer = await http.options("/graphql", headers={"origin": origin, **PREFLIGHT})

    assert answer.status_code == (200 if allowed else 400)
    assert answer.headers.get("access-control-allow-origin") == allowed


@pytest.mark.parametrize("path", ["/graphql", "/amplify_outputs.json"])
async def test_no_other_origin_may_read_a_page_with_the_key(path: str) -> None:
    async with client(pages=Pages(("*",))) as http:
        answer = await http.get(path, headers={"origin": APP})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/graphql", "/graphql/realtime"])
@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_websocket_from_a_foreign_origin_is_rejected(api_server: Serving, path: str, subprotocol: str) -> None:
    address = api_server.url.replace("http", "ws", 1) + path
    protocols = [Subprotocol(subprotocol)]

    for origin in (APP, "null", f"{api_server.url}.evil.example"):
        with pytest.raises(InvalidStatus) as refusal:
            await connect(address, subprotocols=protocols, origin=Origin(origin))
        assert refusal.value.response.status_code == 403
        assert b"AccessDeniedException" in refusal.value.response.body
    for welcome in (Origin(api_server.url), Origin("http://localhost:5173"), None):
        async with connect(address, subprotocols=protocols, origin=welcome) as socket:
            assert socket.subprotocol == subprotocol


async def test_websocket_to_a_foreign_host_name_is_rejected(api_server: Serving) -> None:
    address = api_server.url.replace("http", "ws", 1) + "/graphql"
    host, port = api_server.url.removeprefix("http://").split(":")

    with pytest.raises(InvalidStatus) as refusal:
        # As in DNS rebinding: the host name and origin of a foreign page, at our address.
        await connect(
            address.replace(host, "rebound.example"),
            host=host,
            port=int(port),
            origin=Origin(f"http://rebound.example:{port}"),
            subprotocols=[Subprotocol("graphql-transport-ws")],
        )

    assert refusal.value.response.status_code == 421
