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
from tests.fixtures.api import API_KEY, Api, new_name

CALLER = "{ getCaller { authType name role siteIds vppIds } }"
CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }"
CREATE_VPP = "mutation ($name: String!) { createVpp(input: {name: $name, revenuePercentage: 20}) { id } }"
WRONG_KEY = "You are not authorized to make this call: the API key is unknown, expired or revoked."


async def sent(api: Api, headers: dict[str, Any], document: str = CALLER, **variables: Any) -> httpx.Response:
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
async def test_the_key_from_the_environment_is_an_admin(api: Api, headers: dict[str, str]) -> None:
    answer = await sent(api, headers)

    caller = {"authType": "API_KEY", "name": "bootstrap", "role": "ADMIN", "siteIds": None, "vppIds": None}
    assert (answer.status_code, answer.json()["data"]) == (200, {"getCaller": caller})


async def test_a_caller_is_told_by_its_key_and_what_it_is_held_to(api: Api) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    site_id = await api.create_site(vpp_id)
    member = await new_key(api, name=name, role="MEMBER", siteIds=[site_id])
    reader = await new_key(api, name=name, role="READER", vppIds=[vpp_id])

    answers = [await sent(api, {"x-api-key": key["secret"]}) for key in (member, reader)]

    known = {"authType": "API_KEY", "name": name}
    assert [answer.json()["data"]["getCaller"] for answer in answers] == [
        known | {"role": "MEMBER", "siteIds": [site_id], "vppIds": None},
        known | {"role": "READER", "siteIds": None, "vppIds": [vpp_id]},
    ]


async def test_a_revoked_key_opens_nothing_from_that_moment_on(api: Api) -> None:
    key = await new_key(api)
    before = await sent(api, {"x-api-key": key["secret"]})

    await api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=key["apiKey"]["id"])

    after = await sent(api, {"x-api-key": key["secret"]})
    assert (before.status_code, after.status_code) == (200, 401)
    assert after.json()["message"] == WRONG_KEY


async def test_a_key_opens_nothing_once_it_has_expired(api: Api, database: Database) -> None:
    expired, lasting = [await new_key(api, expiresAt="9000-01-01T00:00Z") for _ in range(2)]
    async with database.transaction() as session:
        end = text("update api_keys set expires_at = now() where id = :id")
        await session.execute(end, {"id": UUID(expired["apiKey"]["id"])})

    answers = [await sent(api, {"x-api-key": key["secret"]}) for key in (expired, lasting)]

    assert [answer.status_code for answer in answers] == [401, 200]
    assert answers[0].json()["message"] == WRONG_KEY


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Missing API key: send it as the header x-api-key."),
        ({"x-api-key": " "}, "Missing API key: send it as the header x-api-key."),
        ({"authorization": "Bearer "}, "Missing API key: send it as the header x-api-key."),
        ({"x-api-key": "da2-wrong"}, WRONG_KEY),
        ({"x-api-key": API_KEY[:-1]}, WRONG_KEY),
        ({"x-api-key": API_KEY.upper()}, WRONG_KEY),
        ({"x-api-key": "da2-ü".encode("latin-1")}, WRONG_KEY),
        ({"x-api-key": "'; drop table api_keys; --"}, WRONG_KEY),
        ({"authorization": "Basic dXNlcjpwYXNz"}, WRONG_KEY),
    ],
)
async def test_without_a_key_of_ours_nothing_is_run(api: Api, headers: dict[str, Any], message: str) -> None:
    before = await api.fleet_snapshot()

    answer = await sent(api, headers, CREATE_VPP, name="No")

    assert answer.status_code == 401
    assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"
    error = {"errorType": "UnauthorizedException", "message": message}
    assert answer.json() == {"message": message, "errors": [error]}
    assert await api.fleet_snapshot() == before


async def test_without_a_key_the_schema_is_not_told_either(api: Api) -> None:
    answer = await sent(api, {}, "{ __schema { queryType { name } } }")

    assert answer.status_code == 401
    assert "Query" not in answer.text


class FailingOnce(Database):
    """A database that is still starting when it is first asked."""

    has_failed = False

    async def rows(self, statement: Executable) -> Sequence[AnyRow]:
        if not self.has_failed:
            self.has_failed = True
            raise asyncpg.CannotConnectNowError("the database system is starting up")
        return await super().rows(statement)


async def test_keys_are_watched_on_when_the_database_was_away(database_url: str) -> None:
    database, notices, locked_out = FailingOnce(database_url), Notices(database_url), asyncio.Event()
    access = Authenticator(database, KeyCache(database, notices), bootstrap_api_key=None)
    access.on_access_lost(Caller("API_KEY", "gone", "READER", key_id=uuid4()), locked_out.set)

    async with notices.listening():
        watching = asyncio.create_task(access.watch_revocations(notices))
        async with asyncio.timeout(10):
            await locked_out.wait()
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
async def test_a_key_that_is_nearly_right_opens_nothing(api: Api, changed: Callable[[str], str]) -> None:
    key = await new_key(api)

    answer = await sent(api, {"x-api-key": changed(key["secret"])})

    assert (answer.status_code, answer.json()["message"]) == (401, WRONG_KEY)
