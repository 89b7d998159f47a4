"""Tests with the published graphql-ws client, which sends every operation over a WebSocket."""

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, COST, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import ON_IMPORT_PROGRESS, follow_import


def graphql_ws(url: str, api_key: str = API_KEY) -> ClientApp:
    return ClientApp("graphql_ws.js", {"endpoint": f"{url}/graphql", "apiKey": api_key})


async def test_query_returns_data(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.create_vpp(name=name)

    query = "query ($id: ID!) { getVpp(id: $id) { name } }"
    async with graphql_ws(api_server.url).running(query, id=vpp_id) as running_app:
        result = [await running_app.next_message(), await running_app.next_message()]

    assert result == [{"data": {"getVpp": {"name": name}}, "extensions": COST}, "complete"]


async def test_subscription_follows_an_import_to_its_end(api_server: Serving, served_api: Api, import_id: str) -> None:
    async with graphql_ws(api_server.url).running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
        await follow_import(running_app, served_api, import_id)


async def test_invalid_operation_is_rejected_with_its_reason(api_server: Serving) -> None:
    result = await graphql_ws(api_server.url).send("{ getCaller { name motto } }")

    assert result == {"rejected": ["Cannot query field 'motto' on type 'Caller'."]}


async def test_wrong_key_is_rejected(api_server: Serving) -> None:
    result = await graphql_ws(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert result == {"rejected": {"code": 4403, "reason": "Forbidden"}}
