"""Apollo Client with the links that were made for AppSync, as they are published."""

from graph.web.server import Serving
from tests.fixtures.api import API_KEY, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import ON_IMPORT_PROGRESS, follow_import
from tests.fixtures.signing import Signer, SigningKey


def apollo(url: str, api_key: str = API_KEY) -> ClientApp:
    return ClientApp("apollo.js", {"endpoint": f"{url}/graphql", "apiKey": api_key})


def signing_apollo(url: str, signer: Signer) -> ClientApp:
    access_key = {"accessKeyId": signer.access_key_id, "secretAccessKey": signer.secret}
    return ClientApp("apollo.js", {"endpoint": f"{url}/graphql", "accessKey": access_key})


async def test_it_queries(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.vpp(name=name)

    told = await apollo(api_server.url).send("query ($id: ID!) { getVpp(id: $id) { name } }", id=vpp_id)

    assert told == {"data": {"getVpp": {"__typename": "Vpp", "name": name}}}


async def test_it_changes_things(api_server: Serving) -> None:
    name = new_name()

    told = await apollo(api_server.url).send(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { name dailyFeeAud } }",
        input={"name": name, "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )

    assert told == {"data": {"createVpp": {"__typename": "Vpp", "name": name, "dailyFeeAud": 0.3}}}


async def test_it_follows_an_import_to_its_end(api_server: Serving, served_api: Api, import_id: str) -> None:
    async with apollo(api_server.url).running(ON_IMPORT_PROGRESS, id=import_id) as run:
        await follow_import(run, served_api, import_id)


async def test_it_signs_its_requests(api_server: Serving, signing_key: SigningKey) -> None:
    told = await signing_apollo(api_server.url, signing_key.signer).send("{ getCaller { authType name } }")

    assert told == {"data": {"getCaller": {"__typename": "Caller", "authType": "IAM", "name": signing_key.name}}}


async def test_it_signs_its_subscriptions(
    api_server: Serving, served_api: Api, import_id: str, signing_key: SigningKey
) -> None:
    async with signing_apollo(api_server.url, signing_key.signer).running(ON_IMPORT_PROGRESS, id=import_id) as run:
        await follow_import(run, served_api, import_id)


async def test_it_sees_that_its_key_is_wrong(api_server: Serving) -> None:
    told = await apollo(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert told == {
        "rejected": {"message": "Response not successful: Received status code 401", "statusCode": 401},
    }


async def test_its_subscription_ends_with_an_error_when_its_key_is_wrong(api_server: Serving, import_id: str) -> None:
    told = await apollo(api_server.url, "da2-wrong").send(ON_IMPORT_PROGRESS, id=import_id)

    assert told["rejected"]["cause"] == {
        "errors": [{"message": "Connection failed: UnauthorizedException", "extensions": {}}]
    }
