"""aws-amplify, as it is published: an app written for AppSync, pointed at us."""

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
from tests.fixtures.api import API_KEY, COST, Api, new_name
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
    """An app that is configured by the file that we serve, but for the way in which it says who it is."""
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=authority)) as client:
        configuration = (await client.get(f"{url}/amplify_outputs.json")).json()
    configuration["data"]["default_authorization_type"] = "AWS_IAM"
    access_key = {"accessKeyId": signer.access_key_id, "secretAccessKey": signer.secret}
    return ClientApp("amplify.js", {"configuration": configuration, "accessKey": access_key} | more, authority)


def why_it_ended(told: Any) -> Any:
    """Return the errors with which we ended a subscription, of which Amplify makes one with a text."""
    (error,) = told["rejected"]["errors"]
    return json.loads(error["message"].removeprefix("Connection failed: "))["errors"]


async def test_it_queries(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.vpp(name=name)

    told = await amplify(api_server.url).send("query ($id: ID!) { getVpp(id: $id) { name } }", id=vpp_id)

    assert told == {"data": {"getVpp": {"name": name}}, "extensions": COST}


async def test_it_is_configured_by_the_file_that_we_serve(served_api: Api) -> None:
    outputs = await served_api.client.get("/amplify_outputs.json")

    told = await ClientApp("amplify.js", {"configuration": outputs.json()}).send("{ getCaller { name role } }")

    assert told == {"data": {"getCaller": {"name": "bootstrap", "role": "ADMIN"}}, "extensions": COST}


async def test_it_changes_things(api_server: Serving) -> None:
    name = new_name()

    told = await amplify(api_server.url).send(
        "mutation ($input: CreateVppInput!) { createVpp(input: $input) { name dailyFeeAud } }",
        input={"name": name, "revenuePercentage": 20, "dailyFeeAud": 0.3},
    )

    assert told == {"data": {"createVpp": {"name": name, "dailyFeeAud": 0.3}}, "extensions": COST}


async def test_it_sees_what_was_found_beside_what_was_refused(api_server: Serving, served_api: Api) -> None:
    name = new_name()
    vpp_id = await served_api.vpp(name=name)

    told = await amplify(api_server.url).send(
        """query ($id: ID!) {
            found: getVpp(id: $id) { name }
            refused: getVpp(id: $id) { sites(limit: 201) { nextToken } }
        }""",
        id=vpp_id,
    )

    (error,) = told["rejected"].pop("errors")
    assert told == {"rejected": {"data": {"found": {"name": name}, "refused": None}}}
    assert error["path"] == ["refused", "sites"]
    assert (error["errorType"], error["errorInfo"]) == ("ValidationFailed", {"field": ["limit"]})


async def test_it_sees_why_an_operation_is_not_valid(api_server: Serving) -> None:
    told = await amplify(api_server.url).send("{ getCaller { name motto } }")

    (error,) = told["rejected"].pop("errors")
    assert told == {"rejected": {"data": None}}
    assert error["errorType"] == "ValidationFailed"
    assert error["message"] == "Cannot query field 'motto' on type 'Caller'."


async def test_it_sees_that_its_key_is_wrong(api_server: Serving) -> None:
    told = await amplify(api_server.url, "da2-wrong").send("{ getCaller { name } }")

    assert told == {"rejected": {"data": {}, "errors": [{"message": "Unauthorized", "name": "UnauthorizedException"}]}}


async def test_it_signs_its_requests(api_server: Serving, signing_key: SigningKey) -> None:
    app = await signing_amplify(api_server.url, signing_key.signer)

    told = await app.send("{ getCaller { authType name } }")

    assert told == {"data": {"getCaller": {"authType": "IAM", "name": signing_key.name}}, "extensions": COST}


async def test_it_learns_the_time_from_us_when_its_own_clock_is_wrong(
    api_server: Serving, signing_key: SigningKey
) -> None:
    app = await signing_amplify(api_server.url, signing_key.signer, slowByMs=3_600_000)

    told = await app.send("{ getCaller { authType } }")

    assert told == {"data": {"getCaller": {"authType": "IAM"}}, "extensions": COST}


async def test_it_signs_its_subscriptions_and_is_told_when_its_key_is_revoked(
    tls_server: TlsServer, served_api: Api, import_id: str, signing_key: SigningKey
) -> None:
    app = await signing_amplify(tls_server.url, signing_key.signer, authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as run:
        assert progress_of(await run.next_message()) == AWAITING_UPLOAD
        await served_api.ask("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=signing_key.id)
        (error,) = why_it_ended(await run.next_message())

    assert error["errorType"] == "UnauthorizedException"
    assert error["message"] == "The API key or token has expired or was revoked."


async def test_it_follows_an_import_to_its_end(tls_server: TlsServer, served_api: Api, import_id: str) -> None:
    app = amplify(tls_server.url, authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as run:
        await follow_import(run, served_api, import_id)


async def test_its_subscription_ends_with_an_error_when_its_key_is_wrong(tls_server: TlsServer, import_id: str) -> None:
    app = amplify(tls_server.url, "da2-wrong", authority=tls_server.authority)
    told = await app.send(ON_IMPORT_PROGRESS, id=import_id)

    assert told == {"rejected": {"errors": [{"message": "Connection failed: UnauthorizedException"}]}}


async def test_its_subscription_ends_with_an_error_when_there_is_no_such_import(tls_server: TlsServer) -> None:
    app = amplify(tls_server.url, authority=tls_server.authority)
    (error,) = why_it_ended(await app.send(ON_IMPORT_PROGRESS, id=NO_IMPORT))

    assert error["errorType"] == "NotFound"
    assert error["message"] == f"There is no import with the id {NO_IMPORT}."


async def test_its_subscription_ends_with_an_error_when_its_key_is_revoked(
    tls_server: TlsServer, served_api: Api, import_id: str
) -> None:
    created = await served_api.ask(
        'mutation { createApiKey(input: {name: "An app", role: READER}) { apiKey { id } secret } }'
    )

    app = amplify(tls_server.url, created["secret"], authority=tls_server.authority)
    async with app.running(ON_IMPORT_PROGRESS, id=import_id) as run:
        assert progress_of(await run.next_message()) == AWAITING_UPLOAD
        await served_api.ask(
            "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=created["apiKey"]["id"]
        )
        (error,) = why_it_ended(await run.next_message())

    assert error["errorType"] == "UnauthorizedException"
    assert error["message"] == "The API key or token has expired or was revoked."


async def test_its_subscription_goes_on_when_the_server_was_started_anew(
    servers: EmbeddedServers, database_url: str, api: Api, tmp_path: Path
) -> None:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=True)
    certificate = own_certificate(tmp_path, host="127.0.0.1")
    start = partial(serving, infrastructure, host="127.0.0.1", any_port=True, certificate=certificate)
    import_id = await uploaded_event(api)

    async with AsyncExitStack() as server:
        # Without a worker, so that the import's end is still to come.
        served = await server.enter_async_context(start(port=0, worker=False))
        app = amplify(served.url, authority=certificate.authority_file)
        async with app.running(ON_IMPORT_PROGRESS, id=import_id) as run:
            assert progress_of(await run.next_message()) == AWAITING_UPLOAD
            await api.ask("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
            assert progress_of(await run.next_message()) == AWAITING_UPLOAD | {"status": "QUEUED", "percentComplete": 0}

            await server.aclose()
            again = await server.enter_async_context(start(port=urlsplit(served.url).port or 0, worker=True))
            assert again.url == served.url
            await wait_until_completed(run)
