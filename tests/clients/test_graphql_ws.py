"""The client of graphql-transport-ws, as it is published: everything goes over a WebSocket."""

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, COST, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import ON_IMPORT_PROGRESS, follow_import


def graphql_ws(url: str, api_key: str = API_KEY) -> ClientApp:
    return ClientApp("graphql_ws.js", {"endpoint": f"{url}/graphql", "apiKey": api_key})


async def test_it_queries_over_the_socket(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.vpp(name=name)

    query = "query ($id: ID!) { getVpp(id: $id) { name } }"
    async with graphql_ws(api_server.url).running(query, id=vpp_id) as run:
        told = [await run.next_message(), await run.next_message()]

    assert told == [{"data": {"getVpp": {"name": name}}, "extensions": COST}, "complete"]


async def test_it_follows_an_import_to_its_end(api_server: Serving, served_api: Api, import_id: str) -> None:
    async with graphql_ws(api_server.url).running(ON_IMPORT_PROGRESS, id=import_id) as run:
        await follow_import(run, served_api, import_id)


async def test_it_sees_why_an_operation_is_not_valid(api_server: Serving) -> None:
    told = await graphql_ws(api_server.url).send("{ getCaller { name motto } }")

    assert told == {"rejected": ["Cannot query field 'motto' on type 'Caller'."]}


async def test_it_sees_that_its_key_is_wrong(api_server: Serving) -> None:
    told = await graphql_ws(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert told == {"rejected": {"code": 4403, "reason": "Forbidden"}}
