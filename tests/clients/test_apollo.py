"""Tests with the published Apollo Client and its links for AppSync."""

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


async def test_query_returns_data(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.create_vpp(name=name)

    result = await apollo(api_server.url).send("query ($id: ID!) { getVpp(id: $id) { name } }", id=vpp_id)

    assert result == {"data": {"getVpp": {"__typename": "Vpp", "name": name}}}


async def test_mutation_returns_the_created_object(api_server: Serving) -> None:
    name = new_name()

    result = await apollo(api_server.url).send(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { name dailyFeeAud } }",
        input={"name": name, "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )

    assert result == {"data": {"createVpp": {"__typename": "Vpp", "name": name, "dailyFeeAud": 0.3}}}


async def test_subscription_follows_an_import_to_its_end(api_server: Serving, served_api: Api, import_id: str) -> None:
    async with apollo(api_server.url).running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
        await follow_import(running_app, served_api, import_id)


async def test_signed_request_is_accepted(api_server: Serving, signing_key: SigningKey) -> None:
    result = await signing_apollo(api_server.url, signing_key.signer).send("{ getCaller { authType name } }")

    assert result == {"data": {"getCaller": {"__typename": "Caller", "authType": "IAM", "name": signing_key.name}}}


async def test_signed_subscription_follows_an_import_to_its_end(
    api_server: Serving, served_api: Api, import_id: str, signing_key: SigningKey
) -> None:
    async with signing_apollo(api_server.url, signing_key.signer).running(
        ON_IMPORT_PROGRESS, id=import_id
    ) as running_app:
        await follow_import(running_app, served_api, import_id)


async def test_wrong_key_is_rejected(api_server: Serving) -> None:
    result = await apollo(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert result == {
        "rejected": {"message": "Response not successful: Received status code 401", "statusCode": 401},
    }


async def test_subscription_ends_with_an_error_when_its_key_is_wrong(api_server: Serving, import_id: str) -> None:
    result = await apollo(api_server.url, "da2-wrong").send(ON_IMPORT_PROGRESS, id=import_id)

    assert result["rejected"]["cause"] == {
        "errors": [{"message": "Connection failed: UnauthorizedException", "extensions": {}}]
    }
