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


async def test_a_created_key_shows_its_secret_this_once(api: Api) -> None:
    vpp_id, name = await api.create_vpp(), new_name()
    given = {"name": f" {name}", "role": "OPERATOR", "vppIds": [vpp_id]}

    created = await api.execute(CREATE, input=given | {"expiresAt": "9000-01-01T10:00+10:00"})

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


async def test_a_key_is_held_to_nothing_unless_it_says_so(api: Api) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "ADMIN"})

    assert [created["apiKey"][field] for field in ("vppIds", "siteIds", "expiresAt")] == [None, None, None]


async def test_of_a_secret_only_its_hash_is_kept(api: Api, database: Database) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "READER"})

    kept = await database.row(
        text("select * from api_keys where prefix = :prefix").bindparams(prefix=created["secret"][:12])
    )

    assert kept is not None
    assert kept.secret_sha256 == hashlib.sha256(created["secret"].encode()).digest()
    assert created["secret"] not in str(kept)


async def test_a_key_tells_when_it_was_last_used(api: Api) -> None:
    created = await api.execute(CREATE, input={"name": new_name(), "role": "READER"})

    await api.client.post(
        "/graphql", json={"query": "{ getCaller { name } }"}, headers={"x-api-key": created["secret"]}
    )

    # It is noted beside the request.
    async with asyncio.timeout(WAIT_S):
        used = created["apiKey"]
        while used["lastUsedAt"] is None:
            (used,) = [key for key in (await api.execute(LIST))["items"] if key["id"] == used["id"]]
    assert used["lastUsedAt"] >= used["createdAt"]


async def test_a_revoked_key_keeps_the_time_at_which_it_was(api: Api) -> None:
    key_id = (await api.execute(CREATE, input={"name": new_name(), "role": "READER"}))["apiKey"]["id"]

    revoked = await api.execute(REVOKE, id=key_id)
    again = await api.execute(REVOKE, id=key_id)

    assert revoked["revokedAt"] is not None
    assert again == revoked
    assert revoked in (await api.execute(LIST))["items"]


async def test_a_key_that_is_not_there_cannot_be_revoked(api: Api) -> None:
    unknown = str(uuid4())

    refusal = await api.refusal(REVOKE, id=unknown)

    assert refusal == ("NotFound", ["input", "id"], f"There is no API key with the id {unknown}.")


NOWHERE = str(uuid4())
NAME_REFUSED = (["input", "name"], "An API key's name has 1 to 200 characters.")
NO_ID = 'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff; "all" is none.'
HAS_PASSED = "An API key must expire in the future; 2025-09-01T00:00:00+00:00 has passed."
NO_SITES = "A MEMBER key needs siteIds: at least one site that it may see."
TO_SITES = "Only a MEMBER key can be limited to sites; this key has the role"
TO_VPPS = "Only a READER or OPERATOR key can be limited to VPPs; this key has the role"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"name": " "}, NAME_REFUSED),
        ({"name": "x" * 201}, NAME_REFUSED),
        ({"vppIds": [str(uuid4()), "all"]}, (["input", "vppIds", "1"], NO_ID)),
        ({"siteIds": ["all"]}, (["input", "siteIds", "0"], NO_ID)),
        ({"expiresAt": "2025-09-01T00:00Z"}, (["input", "expiresAt"], HAS_PASSED)),
        ({"role": "MEMBER"}, (["input", "siteIds"], NO_SITES)),
        ({"role": "MEMBER", "siteIds": []}, (["input", "siteIds"], NO_SITES)),
        ({"role": "READER", "siteIds": []}, (["input", "siteIds"], f"{TO_SITES} READER.")),
        ({"role": "OPERATOR", "siteIds": [NOWHERE]}, (["input", "siteIds"], f"{TO_SITES} OPERATOR.")),
        ({"role": "ADMIN", "siteIds": [NOWHERE]}, (["input", "siteIds"], f"{TO_SITES} ADMIN.")),
        ({"role": "ADMIN", "vppIds": []}, (["input", "vppIds"], f"{TO_VPPS} ADMIN.")),
        ({"role": "MEMBER", "siteIds": [NOWHERE], "vppIds": [NOWHERE]}, (["input", "vppIds"], f"{TO_VPPS} MEMBER.")),
        ({"vppIds": [NOWHERE]}, (["input", "vppIds", "0"], f"There is no VPP with the id {NOWHERE}.")),
        (
            {"role": "MEMBER", "siteIds": [NOWHERE]},
            (["input", "siteIds", "0"], f"There is no site with the id {NOWHERE}."),
        ),
    ],
)
async def test_a_key_is_refused_with_the_field_at_fault(
    api: Api, given: dict[str, Any], refused: tuple[list[str], str]
) -> None:
    before = await api.execute(LIST)

    refusal = await api.refusal(CREATE, input={"name": new_name(), "role": "READER"} | given)

    assert refusal == ("ValidationFailed", *refused)
    assert await api.execute(LIST) == before


async def test_a_key_is_held_to_vpps_and_sites_that_are_there_and_not_to_one_another(api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    before = await api.execute(LIST)

    vpps = await api.refusal(CREATE, input={"name": "No", "role": "READER", "vppIds": [vpp_id, site_id]})
    sites = await api.refusal(CREATE, input={"name": "No", "role": "MEMBER", "siteIds": [site_id, vpp_id]})

    assert vpps == ("ValidationFailed", ["input", "vppIds", "1"], f"There is no VPP with the id {site_id}.")
    assert sites == ("ValidationFailed", ["input", "siteIds", "1"], f"There is no site with the id {vpp_id}.")
    assert await api.execute(LIST) == before
