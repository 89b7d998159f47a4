"""The client of GraphQL over server-sent events, as it is published: everything is a POST that goes on answering."""

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, COST, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import ON_IMPORT_PROGRESS, follow_import


def graphql_sse(url: str, api_key: str = API_KEY) -> ClientApp:
    return ClientApp("graphql_sse.js", {"endpoint": f"{url}/graphql", "apiKey": api_key})


async def test_it_queries(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.vpp(name=name)

    query = "query ($id: ID!) { getVpp(id: $id) { name } }"
    async with graphql_sse(api_server.url).running(query, id=vpp_id) as run:
        told = [await run.next_message(), await run.next_message()]

    assert told == [{"data": {"getVpp": {"name": name}}, "extensions": COST}, "complete"]


async def test_it_follows_an_import_to_its_end(api_server: Serving, served_api: Api, import_id: str) -> None:
    async with graphql_sse(api_server.url).running(ON_IMPORT_PROGRESS, id=import_id) as run:
        await follow_import(run, served_api, import_id)


async def test_it_sees_that_its_key_is_wrong(api_server: Serving) -> None:
    told = await graphql_sse(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert told == {"rejected": {"status": 401, "message": "Server responded with 401: Unauthorized"}}
