"""Tests with the published urql client, whose subscriptions use a WebSocket or server-sent events."""

import pytest

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import ON_IMPORT_PROGRESS, follow_import


def urql(url: str, api_key: str = API_KEY, subscriptions: str = "ws") -> ClientApp:
    return ClientApp("urql.js", {"endpoint": f"{url}/graphql", "apiKey": api_key, "subscriptions": subscriptions})


async def test_query_returns_data(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.create_vpp(name=name)

    result = await urql(api_server.url).send("query ($id: ID!) { getVpp(id: $id) { name } }", id=vpp_id)

    assert result == {"data": {"getVpp": {"name": name}}}


async def test_mutation_returns_the_created_object(api_server: Serving) -> None:
    name = new_name()

    result = await urql(api_server.url).send(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { name dailyFeeAud } }",
        input={"name": name, "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )

    assert result == {"data": {"createVpp": {"name": name, "dailyFeeAud": 0.3}}}


@pytest.mark.parametrize("subscriptions", ["ws", "sse"])
async def test_subscription_follows_an_import_to_its_end(
    api_server: Serving, served_api: Api, import_id: str, subscriptions: str
) -> None:
    async with urql(api_server.url, subscriptions=subscriptions).running(
        ON_IMPORT_PROGRESS, id=import_id
    ) as running_app:
        await follow_import(running_app, served_api, import_id)


async def test_wrong_key_is_rejected(api_server: Serving) -> None:
    result = await urql(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert result == {
        "rejected": {
            "status": 401,
            "messages": ["You are not authorized to make this call: the API key is unknown, expired or revoked."],
        }
    }
