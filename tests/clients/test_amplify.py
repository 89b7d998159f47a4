"""Tests with the published aws-amplify client: an app written for AppSync, configured with our endpoint."""

import json
import ssl
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from graph.embedded.infrastructure import Infrastructure, own_certificate
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.clients.conftest import TlsServer, uploaded_event
from tests.fixtures.api import API_KEY, COST, WAIT_S, Api, new_name
from tests.fixtures.client_apps import ClientApp
from tests.fixtures.import_progress import (
    AWAITING_UPLOAD,
    ON_IMPORT_PROGRESS,
    follow_import,
    progress_of,
    wait_until_completed,
)
from tests.fixtures.signing import Signer, SigningKey

NO_IMPORT = "00000000-0000-4000-8000-000000000000"


def amplify(url: str, api_key: str = API_KEY, *, authority: Path | None = None) -> ClientApp:
    api = {"endpoint": f"{url}/graphql", "region": "local", "defaultAuthMode": "apiKey", "apiKey": api_key}
    return ClientApp("amplify.js", {"configuration": {"API": {"GraphQL": api}}}, authority)


async def signing_amplify(url: str, signer: Signer, *, authority: Path | None = None, **more: Any) -> ClientApp:
    """Return an app configured by our amplify_outputs.json, except that it signs requests and sends no API key."""
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=authority), timeout=WAIT_S) as client:
        configuration = (await client.get(f"{url}/amplify_outputs.json")).json()
    configuration["data"]["default_authorization_type"] = "AWS_IAM"
    access_key = {"accessKeyId": signer.access_key_id, "secretAccessKey": signer.secret}
    return ClientApp("amplify.js", {"configuration": configuration, "accessKey": access_key} | more, authority)


def subscription_errors(result: Any) -> Any:
    """Return the errors with which the server ended a subscription; Amplify reports their JSON as one error."""
    (error,) = result["rejected"]["errors"]
    return json.loads(error["message"].removeprefix("Connection failed: "))["errors"]


async def test_query_returns_data(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.create_vpp(name=name)

    result = await amplify(api_server.url).send("query ($id: ID!) { getVpp(id: $id) { name } }", id=vpp_id)

    assert result == {"data": {"getVpp": {"name": name}}, "extensions": COST}


async def test_amplify_outputs_file_configures_the_app(served_api: Api) -> None:
    outputs = await served_api.client.get("/amplify_outputs.json")

    result = await ClientApp("amplify.js", {"configuration": outputs.json()}).send("{ getCaller { name role } }")

    assert result == {"data": {"getCaller": {"name": "bootstrap", "role": "ADMIN"}}, "extensions": COST}


async def test_mutation_returns_the_created_object(api_server: Serving) -> None:
    name = new_name()

    result = await amplify(api_server.url).send(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { name dailyFeeAud } }",
        input={"name": name, "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )

    assert result == {"data": {"createVpp": {"name": name, "dailyFeeAud": 0.3}}, "extensions": COST}


async def test_partial_response_has_data_and_errors(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.create_vpp(name=name)

    result = await amplify(api_server.url).send(
        """query ($id: ID!) {
            found: getVpp(id: $id) { name }
            refused: getVpp(id: $id) { sites(limit: 201) { nextToken } }
        }""",
        id=vpp_id,
    )

    (error,) = result["rejected"].pop("errors")
    assert result == {"rejected": {"data": {"found": {"name": name}, "refused": None}}}
    assert error["path"] == ["refused", "sites"]
    assert (error["errorType"], error["errorInfo"]) == ("ValidationFailed", {"field": ["limit"]})


async def test_invalid_operation_is_rejected_with_its_reason(api_server: Serving) -> None:
    result = await amplify(api_server.url).send("{ getCaller { name motto } }")

    (error,) = result["rejected"].pop("errors")
    assert result == {"rejected": {"data": None}}
    assert error["errorType"] == "ValidationFailed"
    assert error["message"] == "Cannot query field 'motto' on type 'Caller'."


async def test_wrong_key_is_rejected(api_server: Serving) -> None:
    result = await amplify(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert result == {
        "rejected": {"data": {}, "errors": [{"message": "Unauthorized", "name": "UnauthorizedException"}]}
    }


async def test_signed_request_is_accepted(api_server: Serving, signing_key: SigningKey) -> None:
    app = await signing_amplify(api_server.url, signing_key.signer)

    result = await app.send("{ getCaller { authType name } }")

    assert result == {"data": {"getCaller": {"authType": "IAM", "name": signing_key.name}}, "extensions": COST}


async def test_slow_clock_is_corrected_by_the_servers_time(api_server: Serving, signing_key: SigningKey) -> None:
    app = await signing_amplify(api_server.url, signing_key.signer, slowByMs=3_600_000)

    result = await app.send("{ getCaller { authType } }")

    assert result == {"data": {"getCaller": {"authType": "IAM"}}, "extensions": COST}


async def test_signed_subscription_ends_with_an_error_when_its_key_is_revoked(
    tls_server: TlsServer, served_api: Api, import_id: str, signing_key: SigningKey
) -> None:
    app = await signing_amplify(tls_server.url, signing_key.signer, authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
        assert progress_of(await running_app.next_message()) == AWAITING_UPLOAD
        await served_api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=signing_key.id)
        (error,) = subscription_errors(await running_app.next_message())

    assert error["errorType"] == "UnauthorizedException"
    assert error["message"] == "The API key or token has expired or was revoked."


async def test_subscription_follows_an_import_to_its_end(
    tls_server: TlsServer, served_api: Api, import_id: str
) -> None:
    app = amplify(tls_server.url, authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
        await follow_import(running_app, served_api, import_id)


async def test_subscription_ends_with_an_error_when_its_key_is_wrong(tls_server: TlsServer, import_id: str) -> None:
    app = amplify(tls_server.url, "da2-wrong", authority=tls_server.authority)
    result = await app.send(ON_IMPORT_PROGRESS, id=import_id)

    assert result == {"rejected": {"errors": [{"message": "Connection failed: UnauthorizedException"}]}}


async def test_subscription_ends_with_an_error_when_the_import_does_not_exist(tls_server: TlsServer) -> None:
    app = amplify(tls_server.url, authority=tls_server.authority)
    (error,) = subscription_errors(await app.send(ON_IMPORT_PROGRESS, id=NO_IMPORT))

    assert error["errorType"] == "NotFound"
    assert error["message"] == f"There is no import with the id {NO_IMPORT}."


async def test_subscription_ends_with_an_error_when_its_key_is_revoked(
    tls_server: TlsServer, served_api: Api, import_id: str
) -> None:
    created = await served_api.execute(
        'mutation { createApiKey(input: {name: "An app", role: READER}) { apiKey { id } secret } }'
    )

    app = amplify(tls_server.url, created["secret"], authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
        assert progress_of(await running_app.next_message()) == AWAITING_UPLOAD
        await served_api.execute(
            "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=created["apiKey"]["id"]
        )
        (error,) = subscription_errors(await running_app.next_message())

    assert error["errorType"] == "UnauthorizedException"
    assert error["message"] == "The API key or token has expired or was revoked."


async def test_subscription_continues_after_the_server_restarts(
    servers: EmbeddedServers, database_url: str, api: Api, tmp_path: Path
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    certificate = own_certificate(tmp_path, host="127.0.0.1")
    start = partial(serving, infrastructure, host="127.0.0.1", any_port=True, certificate=certificate)
    import_id = await uploaded_event(api)

    async with AsyncExitStack() as server:
        # Without a worker, so that the import stays queued.
        first = await server.enter_async_context(start(port=0, worker=False))
        app = amplify(first.url, authority=certificate.authority_file)
        async with app.running(ON_IMPORT_PROGRESS, id=import_id) as running_app:
            assert progress_of(await running_app.next_message()) == AWAITING_UPLOAD
            await api.execute("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
            assert progress_of(await running_app.next_message()) == AWAITING_UPLOAD | {
                "status": "QUEUED",
                "percentComplete": 0,
            }

            await server.aclose()
            second = await server.enter_async_context(start(port=urlsplit(first.url).port or 0, worker=True))
            assert second.url == first.url
            await wait_until_completed(running_app)
