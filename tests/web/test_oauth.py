"""Tests of tokens for API keys, by the client credentials grant of RFC 6749."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import httpx
import jwt
import pytest
from sqlalchemy import text

import db.signing_keys
from db.api_keys import PREFIX_LENGTH
from db.engine.database import Database
from graph.embedded.servers import EmbeddedServers
from graph.settings import OwnTokenSettings
from graph.web.app import application
from graph.web.server import Serving
from tests.fixtures.api import API_KEY, WAIT_S, Api, new_name
from tests.fixtures.appsync_realtime import open_realtime_socket
from tests.fixtures.issuer import ec_key, signed

CALLER = "{ getCaller { authType name role siteIds vppIds } }"
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }"
REVOKE = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }"
REPORTS = "subscription { onRevenueReport { id } }"
NO_CLIENT = "No API key has this id and this secret, or it has expired or was revoked."
REFUSED = "You are not authorized to make this call: the token "


async def new_key(api: Api, **given: Any) -> tuple[str, str]:
    created = await api.execute(CREATE_KEY, input={"name": new_name(), "role": "READER"} | given)
    return created["apiKey"]["id"], created["secret"]


def basic_auth(id: str, secret: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{quote_plus(id)}:{quote_plus(secret)}".encode()).decode()
    return {"authorization": f"Basic {credentials}"}


async def request_token(client: httpx.AsyncClient, headers: dict[str, str], **form: str) -> httpx.Response:
    return await client.post("/oauth/token", data={"grant_type": "client_credentials"} | form, headers=headers)


async def new_token(client: httpx.AsyncClient, id: str, secret: str) -> str:
    answer = await request_token(client, basic_auth(id, secret))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def query_caller(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": CALLER}, headers={"authorization": f"Bearer {token}"})


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


@asynccontextmanager
async def another_process(
    servers: EmbeddedServers, database_url: str, **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a second application, as another process would run it."""
    app = application(
        database_url=database_url,
        object_store=servers.object_store,
        bootstrap_api_key=API_KEY,
        embedded=True,
        own_tokens=OwnTokenSettings(**settings),
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        yield client


async def rotate_signing_key(database: Database) -> UUID:
    async with database.transaction() as session:
        return await db.signing_keys.rotate(session, token_lifetime=timedelta(minutes=15))


@pytest.mark.parametrize("in_body", [False, True])
async def test_token_authenticates_as_the_key_it_was_requested_with(api: Api, in_body: bool) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    id, secret = await new_key(api, name=name, role="OPERATOR", vppIds=[vpp_id])

    if in_body:
        given = await request_token(api.client, {}, client_id=id, client_secret=secret)
    else:
        given = await request_token(api.client, basic_auth(id, secret))
    answer = await query_caller(api.client, given.json()["access_token"])

    assert given.status_code == 200
    assert {**given.json(), "access_token": ""} == {"access_token": "", "token_type": "Bearer", "expires_in": 900}
    assert (given.headers["cache-control"], given.headers["pragma"]) == ("no-store", "no-cache")
    caller = {"authType": "API_KEY", "name": name, "role": "OPERATOR", "siteIds": None, "vppIds": [vpp_id]}
    assert answer.json()["data"] == {"getCaller": caller}


@pytest.mark.parametrize("in_body", [False, True])
async def test_prefix_of_the_secret_is_accepted_as_client_id(api: Api, in_body: bool) -> None:
    id, secret = await new_key(api)
    keys = (await api.execute("{ listApiKeys(limit: 200) { items { id prefix } } }"))["items"]
    (shown,) = [key["prefix"] for key in keys if key["id"] == id]

    if in_body:
        given = await request_token(api.client, {}, client_id=shown, client_secret=secret)
    else:
        given = await request_token(api.client, basic_auth(shown, secret))

    claims = jwt.decode(given.json()["access_token"], options={"verify_signature": False})
    assert (given.status_code, claims["sub"]) == (200, id)
    assert secret.startswith(shown)


async def test_token_can_be_verified_with_the_published_jwks(api: Api) -> None:
    id, secret = await new_key(api)
    token = await new_token(api.client, id, secret)

    published = await api.client.get("/.well-known/jwks.json")

    header = jwt.get_unverified_header(token)
    (key,) = [key for key in published.json()["keys"] if key["kid"] == header["kid"]]
    claims = jwt.decode(token, jwt.PyJWK(key), audience="vpp", issuer="urn:vpp")
    assert (header["alg"], key["kty"], key["crv"], key["use"], key["alg"]) == ("ES256", "EC", "P-256", "sig", "ES256")
    assert (claims["sub"], claims["exp"] - claims["iat"], UUID(claims["jti"]).version) == (id, 900, 4)
    assert published.headers["cache-control"] == "public, max-age=60"
    assert {"d", "k"}.isdisjoint(*published.json()["keys"])
    assert secret not in token


async def test_token_expires_no_later_than_its_key(api: Api) -> None:
    expires_at = datetime.now(UTC) + timedelta(seconds=300)
    id, secret = await new_key(api, expiresAt=expires_at.isoformat())

    given = (await request_token(api.client, basic_auth(id, secret))).json()

    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert claims["exp"] == int(expires_at.timestamp())
    assert given["expires_in"] == claims["exp"] - claims["iat"]


async def test_revoking_a_key_ends_its_tokens_at_once(api: Api) -> None:
    id, secret = await new_key(api)
    token = await new_token(api.client, id, secret)
    before = await query_caller(api.client, token)

    await api.execute(REVOKE, id=id)

    assert before.status_code == 200
    message = f"{REFUSED}belongs to an API key that has expired or was revoked."
    assert refusal(await query_caller(api.client, token)) == (401, message)
    assert (await request_token(api.client, basic_auth(id, secret))).status_code == 401


async def test_revoking_a_key_ends_subscriptions_of_its_tokens(api_server: Serving, served_api: Api) -> None:
    id, secret = await new_key(served_api)
    token = await new_token(served_api.client, id, secret)

    async with open_realtime_socket(api_server.url) as socket:
        await socket.start(REPORTS, subscription_id="one", headers={"Authorization": f"Bearer {token}"})
        acked = await socket.receive()
        await served_api.execute(REVOKE, id=id)
        received = await socket.receive()

    assert acked == {"type": "start_ack", "id": "one"}
    assert (received["type"], received["payload"]["errors"][0]["errorType"]) == ("error", "UnauthorizedException")


async def test_token_has_the_current_role_of_its_key(api: Api, database: Database) -> None:
    id, secret = await new_key(api, role="ADMIN")
    token = await new_token(api.client, id, secret)
    await query_caller(api.client, token)

    async with api.notices.subscribe("api_keys", id) as changed:
        async with database.transaction() as session:
            await session.execute(text("update api_keys set role = 'READER' where id = :id"), {"id": UUID(id)})
        await asyncio.wait_for(changed.wait(), WAIT_S)

    # The API receives the same notification on a connection of its own, perhaps later than this test.
    async with asyncio.timeout(WAIT_S):
        while (role := (await query_caller(api.client, token)).json()["data"]["getCaller"]["role"]) == "ADMIN":  # noqa: ASYNC110
            await asyncio.sleep(0)  # Let the API's task run; it has no event to wait for.
    assert role == "READER"


async def test_expired_token_is_rejected(servers: EmbeddedServers, api: Api, database: Database) -> None:
    id, secret = await new_key(api)
    await new_token(api.client, id, secret)
    key = await database.row(db.signing_keys.valid_signing_keys())
    assert key is not None
    claims = {"iss": "urn:vpp", "aud": "vpp", "sub": id, "exp": int(time.time()) - 6}

    token = jwt.encode(claims, key.private_key_pem, "ES256", headers={"kid": str(key.id)})

    assert refusal(await query_caller(api.client, token)) == (401, f"{REFUSED}has expired.")


@pytest.mark.parametrize("kid", ["3f2b6c1e-8d4a-4b7e-9c55-0a1d2e3f4a5b", "'; drop table signing_keys; --", None])
async def test_token_with_a_foreign_signature_is_rejected(api: Api, kid: str | None) -> None:
    id, secret = await new_key(api)
    await new_token(api.client, id, secret)
    claims = {"iss": "urn:vpp", "aud": "vpp", "sub": id, "exp": int(time.time()) + 60}

    answer = await query_caller(
        api.client, signed(claims, ec_key("mine"), algorithm="ES256", **({"kid": kid} if kid else {}))
    )

    reason = "is not signed with a key that its issuer has published" if kid else "is not signed with the key it names"
    assert refusal(answer) == (401, f"{REFUSED}{reason}.")


async def test_tokens_of_the_previous_signing_key_stay_valid_until_they_expire(
    servers: EmbeddedServers, api: Api, database: Database, database_url: str
) -> None:
    id, secret = await new_key(api)
    async with another_process(servers, database_url) as other:
        old = await new_token(api.client, id, secret)
        before = [await query_caller(client, old) for client in (api.client, other)]

        kid = await rotate_signing_key(database)

        new = await new_token(other, id, secret)
        after = [await query_caller(client, token) for client in (api.client, other) for token in (old, new)]
    assert jwt.get_unverified_header(new)["kid"] == str(kid)
    assert jwt.get_unverified_header(old)["kid"] != str(kid)
    assert [answer.status_code for answer in before + after] == [200] * 6


async def test_rotated_signing_key_is_unpublished_once_its_tokens_have_expired(
    servers: EmbeddedServers, api: Api, database: Database, database_url: str
) -> None:
    id, secret = await new_key(api)
    token = await new_token(api.client, id, secret)
    await rotate_signing_key(database)
    async with database.transaction() as session:
        await session.execute(text("update signing_keys set good_until = now() where good_until is not null"))

    async with another_process(servers, database_url) as other:
        answer = await query_caller(other, token)
        published = (await other.get("/.well-known/jwks.json")).json()["keys"]
    await rotate_signing_key(database)

    assert refusal(answer) == (401, f"{REFUSED}is not signed with a key that its issuer has published.")
    assert len(published) == 1
    assert len(await database.rows(text("select id from signing_keys"))) == 2


async def test_two_processes_create_only_one_first_signing_key(
    servers: EmbeddedServers, api: Api, database: Database, database_url: str
) -> None:
    id, secret = await new_key(api)
    async with database.transaction() as session:
        await session.execute(text("delete from signing_keys"))

    async with another_process(servers, database_url) as other:
        tokens = await asyncio.gather(*(new_token(client, id, secret) for client in (api.client, other) * 3))

    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1
    assert len(await database.rows(text("select id from signing_keys"))) == 1


async def test_lifetime_and_issuer_of_tokens_are_settings(
    servers: EmbeddedServers, api: Api, database_url: str
) -> None:
    id, secret = await new_key(api)
    async with another_process(servers, database_url, issuer="https://vpp.example.com", lifetime_s=60) as other:
        given = (await request_token(other, basic_auth(id, secret))).json()
        answers = [await query_caller(client, given["access_token"]) for client in (other, api.client)]

    assert given["expires_in"] == 60
    assert [answer.status_code for answer in answers] == [200, 401]


ID, SECRET = "3f2b6c1e-8d4a-4b7e-9c55-0a1d2e3f4a5b", "da2-wrong"
IN_BODY = {"client_id": ID, "client_secret": SECRET}


@pytest.mark.parametrize(
    ("headers", "form", "status", "error"),
    [
        ({}, {}, 401, "invalid_client"),
        ({}, {"client_id": ID}, 401, "invalid_client"),
        ({}, {"client_secret": SECRET}, 401, "invalid_client"),
        ({}, IN_BODY, 401, "invalid_client"),
        ({}, IN_BODY | {"client_id": "'; drop table api_keys; --"}, 401, "invalid_client"),
        (basic_auth(ID, SECRET), {}, 401, "invalid_client"),
        (basic_auth(ID, ""), {}, 401, "invalid_client"),
        (basic_auth("", SECRET), {}, 401, "invalid_client"),
        ({"authorization": "Basic"}, {}, 401, "invalid_client"),
        ({"authorization": "Basic !!!"}, {}, 401, "invalid_client"),
        ({"authorization": f"Basic {base64.b64encode(bytes([0xFF])).decode()}"}, {}, 401, "invalid_client"),
        ({"authorization": f"Bearer {API_KEY}"}, {}, 401, "invalid_client"),
        (basic_auth(ID, SECRET), {"client_id": ID}, 400, "invalid_request"),
        (basic_auth(ID, SECRET), {"client_secret": SECRET}, 400, "invalid_request"),
        ({}, IN_BODY | {"grant_type": ""}, 400, "invalid_request"),
        ({}, IN_BODY | {"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, IN_BODY | {"scope": "admin"}, 400, "invalid_scope"),
    ],
)
async def test_rejected_token_request_has_the_error_code_of_rfc_6749(
    api: Api, headers: dict[str, str], form: dict[str, str], status: int, error: str
) -> None:
    answer = await request_token(api.client, headers, **form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers.get("www-authenticate") == ('Basic realm="vpp"' if status == 401 else None)
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "description"),
    [
        (
            json.dumps(IN_BODY),
            "application/json",
            "The content type is not application/x-www-form-urlencoded.",
        ),
        ("grant_type=a&grant_type=b", None, "A parameter is given more than once."),
        ("a=" + "x" * 8192, None, "The body is longer than 8192 bytes."),
        (
            "&".join(f"a{n}=1" for n in range(21)),
            None,
            "The body cannot be parsed; expected UTF-8, and at most 20 parameters.",
        ),
        (b"grant_type=\xff", None, "The body cannot be parsed; expected UTF-8, and at most 20 parameters."),
        ("grant_type=%ff", None, "The body cannot be parsed; expected UTF-8, and at most 20 parameters."),
    ],
)
async def test_malformed_form_is_rejected(
    api: Api, body: str | bytes, content_type: str | None, description: str
) -> None:
    headers = {"content-type": content_type or "application/x-www-form-urlencoded; charset=utf-8"}

    answer = await api.client.post("/oauth/token", content=body, headers=headers)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request", "error_description": description})


async def test_secret_of_another_key_is_rejected(api: Api) -> None:
    (id, other_secret), (_, secret) = await new_key(api), await new_key(api)

    answers = [
        await request_token(api.client, basic_auth(client_id, secret))
        for client_id in (id, other_secret[:PREFIX_LENGTH])
    ]

    rejection = (401, {"error": "invalid_client", "error_description": NO_CLIENT})
    assert [(answer.status_code, answer.json()) for answer in answers] == [rejection, rejection]


async def test_prefix_without_the_full_secret_is_rejected(api: Api) -> None:
    _, secret = await new_key(api)
    prefix = secret[:PREFIX_LENGTH]
    wrong = [(prefix, prefix), (prefix, f"{secret[:-1]}!"), (secret[: PREFIX_LENGTH - 1], secret), (secret, secret)]

    answers = [await request_token(api.client, basic_auth(*credentials)) for credentials in wrong]

    rejection = (401, {"error": "invalid_client", "error_description": NO_CLIENT})
    assert [(answer.status_code, answer.json()) for answer in answers] == [rejection] * 4


async def test_token_endpoint_accepts_post_only(api: Api) -> None:
    answer = await api.client.get("/oauth/token")

    assert answer.status_code == 405
