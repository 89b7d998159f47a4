import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import Executable, text

from db.engine.database import AnyRow, Database
from db.engine.notices import Notices
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.auth.key_cache import KeyCache
from tests.fixtures.api import API_KEY, WAIT_S, Api, new_name

CALLER = "{ getCaller { authType name role siteIds vppIds } }"
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }"
CREATE_VPP = "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }"
INVALID_KEY = "You are not authorized to make this call: the API key is unknown, expired or revoked."


async def post(api: Api, headers: dict[str, Any], document: str = CALLER, **variables: Any) -> httpx.Response:
    body = {"query": document, "variables": variables}
    return await api.client.post("/graphql", json=body, headers=headers)


async def new_key(api: Api, **given: Any) -> Any:
    return await api.execute(CREATE_KEY, input={"name": new_name(), "role": "READER"} | given)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": API_KEY},
        {"X-API-KEY": f" {API_KEY} "},
        {"authorization": API_KEY},
        {"authorization": f"Bearer {API_KEY}"},
        {"x-api-key": "", "authorization": API_KEY},
    ],
)
async def test_bootstrap_key_is_an_admin_in_every_header_that_may_carry_a_key(
    api: Api, headers: dict[str, str]
) -> None:
    response = await post(api, headers)

    caller = {"authType": "API_KEY", "name": "bootstrap", "role": "ADMIN", "siteIds": None, "vppIds": None}
    assert (response.status_code, response.json()["data"]) == (200, {"getCaller": caller})


async def test_caller_has_the_name_role_and_scope_of_its_key(api: Api) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    site_id = await api.create_site(vpp_id)
    member = await new_key(api, name=name, role="MEMBER", siteIds=[site_id])
    reader = await new_key(api, name=name, role="READER", vppIds=[vpp_id])

    responses = [await post(api, {"x-api-key": key["secret"]}) for key in (member, reader)]

    expected = {"authType": "API_KEY", "name": name}
    assert [response.json()["data"]["getCaller"] for response in responses] == [
        expected | {"role": "MEMBER", "siteIds": [site_id], "vppIds": None},
        expected | {"role": "READER", "siteIds": None, "vppIds": [vpp_id]},
    ]


async def test_revoked_key_is_rejected_at_once(api: Api) -> None:
    key = await new_key(api)
    before = await post(api, {"x-api-key": key["secret"]})

    await api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=key["apiKey"]["id"])

    after = await post(api, {"x-api-key": key["secret"]})
    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["message"] == INVALID_KEY


async def test_expired_key_is_rejected(api: Api, database: Database) -> None:
    expired, valid = [await new_key(api, expiresAt="9000-01-01T00:00Z") for _ in range(2)]
    async with database.transaction() as session:
        expire = text("update api_keys set expires_at = now() where id = :id")
        await session.execute(expire, {"id": UUID(expired["apiKey"]["id"])})

    responses = [await post(api, {"x-api-key": key["secret"]}) for key in (expired, valid)]

    assert [response.status_code for response in responses] == [401, 200]
    assert responses[0].json()["message"] == INVALID_KEY


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing API key: send it as the header x-api-key."),
        ({"x-api-key": " "}, "Missing API key: send it as the header x-api-key."),
        ({"authorization": "Bearer "}, "Missing API key: send it as the header x-api-key."),
        ({"x-api-key": "da2-wrong"}, INVALID_KEY),
        ({"x-api-key": API_KEY[:-1]}, INVALID_KEY),
        ({"x-api-key": API_KEY.upper()}, INVALID_KEY),
        ({"x-api-key": "da2-ü".encode("latin-1")}, INVALID_KEY),
        ({"x-api-key": "'; drop table api_keys; --"}, INVALID_KEY),
        ({"authorization": "Basic dXNlcjpwYXNz"}, INVALID_KEY),
    ],
)
async def test_operation_without_a_valid_key_is_not_executed(api: Api, headers: dict[str, Any], message: str) -> None:
    before = await api.fleet_snapshot()

    response = await post(api, headers, CREATE_VPP, name="No")

    assert response.status_code == 401
    assert response.headers["x-amzn-errortype"] == "UnauthorizedException"
    error = {"errorType": "UnauthorizedException", "message": message}
    assert response.json() == {"message": message, "errors": [error]}
    assert await api.fleet_snapshot() == before


async def test_introspection_needs_a_valid_key_too(api: Api) -> None:
    response = await post(api, {}, "{ __schema { queryType { name } } }")

    assert response.status_code == 401
    assert "Query" not in response.text


class FailingOnce(Database):
    """A database whose first query fails because Postgres is still starting."""

    has_failed = False

    async def rows(self, statement: Executable) -> Sequence[AnyRow]:
        if not self.has_failed:
            self.has_failed = True
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        return await super().rows(statement)


async def test_watching_for_revocations_continues_after_a_database_error(database_url: str) -> None:
    database, notices, access_lost = FailingOnce(database_url), Notices(database_url), asyncio.Event()
    authenticator = Authenticator(database, KeyCache(database, notices), bootstrap_api_key=None)
    authenticator.on_access_lost(Caller("API_KEY", "gone", "READER", key_id=uuid4()), access_lost.set)

    async with notices.listening():
        watching = asyncio.create_task(authenticator.watch_revocations(notices))
        async with asyncio.timeout(WAIT_S):
            await access_lost.wait()
        watching.cancel()

    assert database.has_failed
    await database.close()


@pytest.mark.parametrize(
    "changed",
    [
        lambda secret: secret[:-1],
        lambda secret: secret[1:],
        lambda secret: secret + "A",
        lambda secret: secret.swapcase(),
        lambda secret: secret[:12],
        lambda secret: f"{secret}' or '1'='1",
        lambda secret: f"%{secret[1:]}",
        lambda secret: hashlib.sha256(secret.encode()).hexdigest(),
    ],
)
async def test_secret_that_differs_slightly_is_rejected(api: Api, changed: Callable[[str], str]) -> None:
    key = await new_key(api)

    response = await post(api, {"x-api-key": changed(key["secret"])})

    assert (response.status_code, response.json()["message"]) == (401, INVALID_KEY)
