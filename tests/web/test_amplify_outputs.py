from dataclasses import replace

import httpx
import pytest

from graph.object_store import ObjectStoreAddress
from graph.web.app import application
from tests.fixtures.api import API_KEY

STORE = ObjectStoreAddress("bucket", region="ap-southeast-2")


async def outputs(
    *,
    base_url: str = "http://127.0.0.1:8000",
    embedded: bool = True,
    key: str | None = API_KEY,
    store: ObjectStoreAddress = STORE,
    host: str = "127.0.0.1",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    app = application(
        database_url="postgresql://nowhere", object_store=store, bootstrap_api_key=key, embedded=embedded, host=host
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
        return await client.get("/amplify_outputs.json", headers=headers)


async def test_outputs_of_an_embedded_server_contain_all_settings_of_amplify() -> None:
    answer = await outputs()

    assert answer.json() == {
        "version": "1.4",
        "data": {
            "url": "http://127.0.0.1:8000/graphql",
            "aws_region": "ap-southeast-2",
            "default_authorization_type": "API_KEY",
            "authorization_types": ["API_KEY", "AWS_IAM"],
            "api_key": API_KEY,
        },
    }
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("embedded", "key", "host"),
    [(False, API_KEY, "127.0.0.1"), (True, None, "127.0.0.1"), (True, API_KEY, "0.0.0.0"), (True, API_KEY, "::")],  # noqa: S104
)
async def test_outputs_contain_a_key_only_if_embedded_and_bound_to_loopback(
    embedded: bool, key: str | None, host: str
) -> None:
    answer = await outputs(embedded=embedded, key=key, host=host)

    assert "api_key" not in answer.json()["data"]
    assert API_KEY not in answer.text


@pytest.mark.parametrize(
    "origin",
    ["https://localhost:8443", "https://vpp.example.com", "http://[::1]:8000", "http://my_battery:8000"],
)
async def test_url_in_the_outputs_is_the_one_the_client_called(origin: str) -> None:
    answer = await outputs(base_url=origin, embedded=False)

    assert answer.json()["data"]["url"] == f"{origin}/graphql"


async def test_request_for_a_foreign_host_name_receives_no_key() -> None:
    answer = await outputs(base_url="http://rebound.example.com:8000")

    assert answer.status_code == 421
    assert API_KEY not in answer.text


@pytest.mark.parametrize(
    "host", ["", "a b", "a/b", "user@a", "a:port", "a:123456", "a\\b", "[::1", "<a>", "a?b", "a#b"]
)
async def test_malformed_host_header_is_rejected(host: str) -> None:
    answer = await outputs(headers={"host": host}, embedded=False)

    assert answer.status_code == 400
    assert API_KEY not in answer.text


@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "eu-north-1"}, "eu-north-1"),
    ],
)
async def test_region_defaults_to_the_aws_environment_variables(
    environment: dict[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    answer = await outputs(store=replace(STORE, region=None))

    assert answer.json()["data"]["aws_region"] == region
