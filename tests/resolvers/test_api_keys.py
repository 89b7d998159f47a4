import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from db.engine.database import Database
from tests.fixtures.api import WAIT_S, Api, new_name

KEY = "{ id name prefix role vppIds siteIds createdAt expiresAt lastUsedAt revokedAt }"
CREATE = f"mutation ($input: CreateApiKeyInput!) {{ createApiKey(input: $input) {{ apiKey {KEY} secret }} }}"
REVOKE = f"mutation ($id: ID!) {{ revokeApiKey(input: {{id: $id}}) {KEY} }}"
LIST = f"{{ listApiKeys(limit: 200) {{ items {KEY} nextToken }} }}"


async def test_secret_of_a_key_is_returned_only_when_it_is_created(api: Api) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    input = {"name": f" {name}", "role": "OPERATOR", "vppIds": [vpp_id]}

    created = await api.execute(CREATE, input=input | {"expiresAt": "9000-01-01T10:00+10:00"})

    assert created["secret"].startswith("da2-")
    assert len(created["secret"]) == len("da2-") + 43  # 256 bits in base64
    assert created["apiKey"] == {
        "id": created["apiKey"]["id"],
        "name": name,
        "prefix": created["secret"][:12],
        "role": "OPERATOR",
        "vppIds": [vpp_id],
        "siteIds": None,
        "createdAt": created["apiKey"]["createdAt"],
        "expiresAt": "9000-01-01T00:00:00.000Z",
        "lastUsedAt": None,
        "revokedAt": None,
    }
    listed = await api.execute(LIST)
    assert listed["items"][0] == created["apiKey"]
    assert created["secret"] not in str(listed)


async def test_key_has_no_scope_and_no_expiry_by_default(api: Api) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "ADMIN"})

    assert [created["apiKey"][field] for field in ("vppIds", "siteIds", "expiresAt")] == [None, None, None]


async def test_only_the_hash_of_a_secret_is_stored(api: Api, database: Database) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "READER"})

    stored = await database.row(
        text("select * from api_keys where prefix = :prefix").bindparams(prefix=created["secret"][:12])
    )

    assert stored is not None
    assert stored.secret_sha256 == hashlib.sha256(created["secret"].encode()).digest()
    assert created["secret"] not in str(stored)


async def test_use_of_a_key_updates_its_last_used_at(api: Api) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "READER"})

    await api.client.post(
        "/graphql", json={"query": "{ getCaller { name } }"}, headers={"x-api-key": created["secret"]}
    )

    # A background task records the use, after the response.
    async with asyncio.timeout(WAIT_S):
        used = created["apiKey"]
        while used["lastUsedAt"] is None:
            (used,) = [key for key in (await api.execute(LIST))["items"] if key["id"] == used["id"]]
    assert used["lastUsedAt"] >= used["createdAt"]


async def test_second_revocation_keeps_the_time_of_the_first(api: Api) -> None:
    key_id = (await api.execute(CREATE, input={"name": new_name(), "role": "READER"}))["apiKey"]["id"]

    revoked = await api.execute(REVOKE, id=key_id)
    again = await api.execute(REVOKE, id=key_id)

    assert revoked["revokedAt"] is not None
    assert again == revoked
    assert revoked in (await api.execute(LIST))["items"]


async def test_unknown_key_cannot_be_revoked(api: Api) -> None:
    unknown = str(uuid4())

    refusal = await api.refusal(REVOKE, id=unknown)

    assert refusal == ("NotFound", ["input", "id"], f"There is no API key with the id {unknown}.")


UNKNOWN_ID = str(uuid4())
INVALID_NAME = (["input", "name"], "An API key's name has 1 to 200 characters.")
INVALID_ID = 'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "all".'
EXPIRED = "An API key must expire in the future; 2025-09-01T00:00:00+00:00 has passed."
SITES_REQUIRED = "A MEMBER key needs siteIds: at least one site that it may see."
SITES_NOT_ALLOWED = "Only a MEMBER key can be limited to sites; this key has the role"
VPPS_NOT_ALLOWED = "Only a READER or OPERATOR key can be limited to VPPs; this key has the role"


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ({"name": " "}, INVALID_NAME),
        ({"name": "x" * 201}, INVALID_NAME),
        ({"vppIds": [str(uuid4()), "all"]}, (["input", "vppIds", "1"], INVALID_ID)),
        ({"siteIds": ["all"]}, (["input", "siteIds", "0"], INVALID_ID)),
        ({"expiresAt": "2025-09-01T00:00Z"}, (["input", "expiresAt"], EXPIRED)),
        ({"role": "MEMBER"}, (["input", "siteIds"], SITES_REQUIRED)),
        ({"role": "MEMBER", "siteIds": []}, (["input", "siteIds"], SITES_REQUIRED)),
        ({"role": "READER", "siteIds": []}, (["input", "siteIds"], f"{SITES_NOT_ALLOWED} READER.")),
        ({"role": "OPERATOR", "siteIds": [UNKNOWN_ID]}, (["input", "siteIds"], f"{SITES_NOT_ALLOWED} OPERATOR.")),
        ({"role": "ADMIN", "siteIds": [UNKNOWN_ID]}, (["input", "siteIds"], f"{SITES_NOT_ALLOWED} ADMIN.")),
        ({"role": "ADMIN", "vppIds": []}, (["input", "vppIds"], f"{VPPS_NOT_ALLOWED} ADMIN.")),
        (
            {"role": "MEMBER", "siteIds": [UNKNOWN_ID], "vppIds": [UNKNOWN_ID]},
            (["input", "vppIds"], f"{VPPS_NOT_ALLOWED} MEMBER."),
        ),
        ({"vppIds": [UNKNOWN_ID]}, (["input", "vppIds", "0"], f"There is no VPP with the id {UNKNOWN_ID}.")),
        (
            {"role": "MEMBER", "siteIds": [UNKNOWN_ID]},
            (["input", "siteIds", "0"], f"There is no site with the id {UNKNOWN_ID}."),
        ),
    ],
)
async def test_invalid_key_is_refused_with_the_field_at_fault(
    api: Api, input: dict[str, Any], expected: tuple[list[str], str]
) -> None:
    before = await api.execute(LIST)

    refusal = await api.refusal(CREATE, input={"name": new_name(), "role": "READER"} | input)

    assert refusal == ("ValidationFailed", *expected)
    assert await api.execute(LIST) == before


async def test_scope_of_a_key_must_name_existing_vpps_or_sites_and_not_each_others_ids(api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    before = await api.execute(LIST)

    vpps = await api.refusal(CREATE, input={"name": "No", "role": "READER", "vppIds": [vpp_id, site_id]})
    sites = await api.refusal(CREATE, input={"name": "No", "role": "MEMBER", "siteIds": [site_id, vpp_id]})

    assert vpps == ("ValidationFailed", ["input", "vppIds", "1"], f"There is no VPP with the id {site_id}.")
    assert sites == ("ValidationFailed", ["input", "siteIds", "1"], f"There is no site with the id {vpp_id}.")
    assert await api.execute(LIST) == before
