"""Callers by the tokens of an OIDC issuer."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from websockets.exceptions import ConnectionClosed

from graph.auth.authentication import MAX_TOKEN_CHARACTERS, Authenticator, InvalidToken
from graph.auth.oidc import OidcIssuer
from graph.embedded.servers import EmbeddedServers
from graph.web.app import application
from graph.web.server import listening_on
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.appsync_realtime import ACK, KEEP_ALIVE, connect_realtime
from tests.fixtures.graphql_transport_ws import open_socket
from tests.fixtures.issuer import CLIENT_ID, LocalIssuer, ec_key, local_issuer, public_jwk, rsa_key, served_on, signed

CALLER = "{ getCaller { authType name role siteIds vppIds } }"
REPORTS = "subscription { onRevenueReport { id } }"
CREATE_VPP = 'mutation { createVpp(input: {name: "No", revenuePercentage: 20}) { id } }'
REFUSED = "You are not authorized to make this call: the token "
NO_ROLE = "gives no role: none of the groups in its claim {} has one"
ONE, OTHER = str(uuid4()), str(uuid4())


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        issuer.keys.append(public_jwk(ec_key("two"), kid="two"))
        issuer.keys.append(public_jwk(rsa_key("weak", 1024), kid="weak"))
        yield issuer


@pytest_asyncio.fixture(scope="module")
async def url(servers: EmbeddedServers, database_url: str, issuer: LocalIssuer) -> AsyncIterator[str]:
    """The API, served where the issuer's tokens are taken."""
    app = application(
        database_url=database_url,
        object_store=servers.object_store,
        bootstrap_api_key=API_KEY,
        embedded=True,
        oidc=issuer.settings(),
    )
    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        async with served_on(app, listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest_asyncio.fixture(scope="module")
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url) as client:
        yield client


async def sent(client: httpx.AsyncClient, headers: dict[str, Any], document: str = CALLER) -> httpx.Response:
    return await client.post("/graphql", json={"query": document}, headers=headers)


def reading(issuer: LocalIssuer, **changed: Any) -> OidcIssuer:
    return OidcIssuer(issuer.settings(**changed))


@pytest.mark.parametrize("written", ["{}", "Bearer {}", "bearer  {}"])
async def test_a_token_tells_who_calls(client: httpx.AsyncClient, issuer: LocalIssuer, written: str) -> None:
    token = issuer.token(**{"custom:vpp_ids": f"{ONE},{OTHER}"})

    answer = await sent(client, {"authorization": written.format(token)})

    caller = {
        "authType": "OIDC",
        "name": "operator@example.com",
        "role": "OPERATOR",
        "siteIds": None,
        "vppIds": [ONE, OTHER],
    }
    assert answer.json()["data"] == {"getCaller": caller}


async def test_an_access_token_of_cognitos_names_a_client_in_place_of_an_audience(issuer: LocalIssuer) -> None:
    of_access = {"token_use": "access", "aud": None, "email": None, "cognito:username": None, "username": "pat"}

    caller = await reading(issuer).authenticate(issuer.token(**of_access, client_id=CLIENT_ID))

    assert (caller.auth_type, caller.name, caller.role) == ("OIDC", "pat", "OPERATOR")
    with pytest.raises(InvalidToken, match="is for another audience"):
        await reading(issuer).authenticate(issuer.token(**of_access, client_id="another"))


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(issuer: LocalIssuer) -> str:
    return f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': 'one'})}.{segment(issuer.claims())}."


def by_public_key_as_secret(issuer: LocalIssuer) -> str:
    public = rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    told = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(issuer.claims())}"
    mark = base64.urlsafe_b64encode(hmac.digest(public, told.encode(), hashlib.sha256)).decode().rstrip("=")
    return f"{told}.{mark}"


def with_key_of_its_own(issuer: LocalIssuer) -> str:
    own = public_jwk(rsa_key("mine"), kid="mine")
    return signed(issuer.claims(), rsa_key("mine"), kid="mine", jwk=own, jku="http://127.0.0.1:1/keys")


def changed_afterwards(issuer: LocalIssuer) -> str:
    head, _, mark = issuer.token().split(".")
    return f"{head}.{segment(issuer.claims(**{'cognito:groups': ['ADMIN']}))}.{mark}"


def nested(issuer: LocalIssuer) -> str:
    deep = base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=")
    return f"{segment({'alg': 'RS256'})}.{deep}.x"


DAMAGED = "is malformed: it cannot be decoded"
NO_ISSUER = "is from an issuer that this API does not trust"
NOT_TAKEN = "is signed with an algorithm that this API does not accept"
OTHER_KEY = "is not signed with the key it names"
NOT_PUBLISHED = "is not signed with a key that its issuer has published"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda issuer: issuer.token(exp=int(time.time()) - 31), "has expired"),
        (lambda issuer: issuer.token(nbf=int(time.time()) + 60), "is not valid yet"),
        (lambda issuer: issuer.token(iat=int(time.time()) + 60), "is not valid yet"),
        (lambda issuer: issuer.token(exp=None), "lacks the claim exp"),
        (lambda issuer: issuer.token(exp="soon"), DAMAGED),
        (lambda issuer: issuer.token(exp=float("inf")), DAMAGED),
        (lambda issuer: issuer.token(iss=None), NO_ISSUER),
        (lambda issuer: f"{segment({'alg': 'RS256'})}.{segment({'iss': ['urn:vpp']})}.AA", NO_ISSUER),
        (lambda issuer: issuer.token(iss="https://issuer.example.com"), NO_ISSUER),
        (lambda issuer: issuer.token(iss=f"{issuer.url}/"), NO_ISSUER),
        (lambda issuer: issuer.token(aud="another"), "is for another audience"),
        (lambda issuer: issuer.token(aud=["another", "third"]), "is for another audience"),
        (lambda issuer: issuer.token(aud=None), "is for another audience"),
        (lambda issuer: issuer.token(aud="another", client_id=CLIENT_ID), "is for another audience"),
        (unsigned, NOT_TAKEN),
        (by_public_key_as_secret, NOT_TAKEN),
        (lambda issuer: signed(issuer.claims(), rsa_key("one"), algorithm="RS512", kid="one"), NOT_TAKEN),
        (lambda issuer: signed(issuer.claims(), rsa_key("mine"), kid="one"), OTHER_KEY),
        (lambda issuer: signed(issuer.claims(), ec_key("mine"), algorithm="ES256", kid="two"), OTHER_KEY),
        (lambda issuer: signed(issuer.claims(), rsa_key("one"), kid="two"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), ec_key("two"), algorithm="ES256", kid="one"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), rsa_key("mine"), kid="'; drop table api_keys; --"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), rsa_key("mine"), kid="../../keys"), NOT_PUBLISHED),
        (with_key_of_its_own, NOT_PUBLISHED),
        (changed_afterwards, OTHER_KEY),
        (lambda issuer: issuer.token()[:-10], OTHER_KEY),
        (lambda issuer: issuer.token().rpartition(".")[0], DAMAGED),
        (lambda issuer: issuer.token() + ".x", DAMAGED),
        (lambda issuer: "a.b.c", DAMAGED),
        (lambda issuer: "..", DAMAGED),
        (nested, DAMAGED),
        (lambda issuer: "x." * MAX_TOKEN_CHARACTERS, f"has more than {MAX_TOKEN_CHARACTERS} characters"),
        (lambda issuer: issuer.token(**{"cognito:groups": None}), NO_ROLE.format("cognito:groups")),
        (lambda issuer: issuer.token(**{"cognito:groups": ["staff", ""]}), NO_ROLE.format("cognito:groups")),
        (lambda issuer: issuer.token(**{"cognito:groups": {"ADMIN": True}}), NO_ROLE.format("cognito:groups")),
    ],
)
async def test_a_token_that_is_not_good_is_refused(
    client: httpx.AsyncClient, api: Api, issuer: LocalIssuer, make: Callable[[LocalIssuer], str], reason: str
) -> None:
    token = make(issuer)
    before = await api.fleet_snapshot()

    answer = await sent(client, {"authorization": f"Bearer {token}"}, CREATE_VPP)

    message = f"{REFUSED}{reason}."
    error = {"errorType": "UnauthorizedException", "message": message}
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (401, "UnauthorizedException")
    assert answer.json() == {"message": message, "errors": [error]}
    assert await api.fleet_snapshot() == before


async def test_a_key_that_is_too_short_signs_nothing(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    with pytest.warns(match="below the minimum"):
        token = signed(issuer.claims(), rsa_key("weak", 1024), kid="weak")

    answer = await sent(client, {"authorization": token})

    assert (answer.status_code, answer.json()["message"]) == (401, f"{REFUSED}is signed with a key that is too short.")


async def test_a_token_is_no_api_key(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    answer = await sent(client, {"x-api-key": issuer.token()})

    assert answer.status_code == 401
    assert answer.json()["message"].endswith("the API key is unknown, expired or revoked.")


async def test_an_api_key_from_the_environment_may_have_dots(servers: EmbeddedServers, database_url: str) -> None:
    app = application(
        database_url=database_url, object_store=servers.object_store, bootstrap_api_key="a.b.c", embedded=True
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.post("/graphql", json={"query": CALLER}, headers={"authorization": "Bearer a.b.c"})

    assert answer.json()["data"]["getCaller"]["name"] == "bootstrap"


@pytest.mark.parametrize("changed", [{"exp": 5}, {"nbf": -5}, {"iat": -5}])
async def test_clocks_may_differ_by_the_leeway(issuer: LocalIssuer, changed: dict[str, int]) -> None:
    now = int(time.time())
    token = issuer.token(**{claim: now - seconds for claim, seconds in changed.items()})

    within = await reading(issuer, leeway_s=30).authenticate(token)

    assert within.expires_at is not None
    assert within.expires_at > datetime.now(UTC)
    with pytest.raises(InvalidToken):
        await reading(issuer, leeway_s=0).authenticate(token)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["member", "Reader"], "READER"),
        (["ADMIN", "OPERATOR", "MEMBER"], "ADMIN"),
        ("operator", "OPERATOR"),
        ("staff, reader", "READER"),
        ('["reader"]', "READER"),
    ],
)
async def test_the_highest_role_of_a_callers_groups_counts(issuer: LocalIssuer, groups: object, role: str) -> None:
    caller = await reading(issuer).authenticate(issuer.token(**{"cognito:groups": groups}))

    assert caller.role == role


async def test_claims_are_found_where_the_settings_say(issuer: LocalIssuer) -> None:
    oidc = reading(
        issuer,
        roles_claim="https://example.com/roles",
        roles={"vpp-staff": "OPERATOR", "vpp-boss": "ADMIN"},
        vpp_ids_claim="https://example.com/vpp_ids",
        name_claims=("nickname",),
    )
    claims = {
        "https://example.com/roles": ["vpp-staff"],
        "https://example.com/vpp_ids": [ONE],
        "custom:vpp_ids": OTHER,
        "nickname": "Pat",
    }

    caller = await oidc.authenticate(issuer.token(**claims))

    assert (caller.name, caller.role, [str(id) for id in caller.vpp_ids or ()]) == ("Pat", "OPERATOR", [ONE])
    with pytest.raises(InvalidToken, match="gives no role"):
        await oidc.authenticate(issuer.token(**claims | {"https://example.com/roles": ["OPERATOR", "ADMIN"]}))


@pytest.mark.parametrize(
    ("claim", "ids"),
    [
        ([ONE, OTHER], [ONE, OTHER]),
        (f"{ONE}, {OTHER}", [ONE, OTHER]),
        (f" {ONE} {OTHER} ", [ONE, OTHER]),
        (json.dumps([ONE, OTHER]), [ONE, OTHER]),
        ([], []),
        ("", []),
    ],
)
async def test_what_a_caller_is_held_to_may_be_a_list_or_a_text(
    issuer: LocalIssuer, claim: object, ids: list[str]
) -> None:
    operator = await reading(issuer).authenticate(issuer.token(**{"custom:vpp_ids": claim}))
    member = await reading(issuer).authenticate(issuer.token(**{"cognito:groups": "member", "custom:site_ids": claim}))

    assert [str(id) for id in operator.vpp_ids or ()] == ids
    assert [str(id) for id in member.site_ids or ()] == ids
    assert (operator.vpp_ids is None, member.site_ids is None) == (False, False)


async def test_a_member_whose_token_names_no_sites_is_held_to_none(issuer: LocalIssuer) -> None:
    caller = await reading(issuer).authenticate(issuer.token(**{"cognito:groups": ["member"]}))

    assert (caller.role, caller.vpp_ids, caller.site_ids) == ("MEMBER", None, [])


async def test_a_claim_that_is_there_is_read_whatever_the_role(issuer: LocalIssuer) -> None:
    caller = await reading(issuer).authenticate(issuer.token(**{"custom:vpp_ids": ONE, "custom:site_ids": OTHER}))

    assert ([str(id) for id in caller.vpp_ids or ()], caller.site_ids) == ([ONE], None)


@pytest.mark.parametrize("claim", ["all", f"{ONE};{OTHER}", [ONE, "all"], [1], 1, {"id": ONE}, False, "[", "[1]"])
@pytest.mark.parametrize("name", ["custom:vpp_ids", "custom:site_ids"])
async def test_a_malformed_claim_holds_its_caller_to_nothing_at_all(
    issuer: LocalIssuer, name: str, claim: object
) -> None:
    with pytest.raises(InvalidToken) as refused:
        await reading(issuer).authenticate(issuer.token(**{name: claim}))

    assert str(refused.value) == f"{REFUSED}has a claim {name} that cannot be read; expected UUIDs."


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({}, "operator@example.com"),
        ({"email": None}, "operator"),
        ({"email": " ", "username": "pat"}, "pat"),
        ({"email": None, "cognito:username": None}, "f1b0b2c4-8e4d-4a86-9a4b-000000000001"),
        ({"email": None, "cognito:username": 5, "sub": None}, "unnamed"),
        ({"email": "x" * 300}, "x" * 200),
    ],
)
async def test_a_caller_has_the_first_name_a_token_gives(
    issuer: LocalIssuer, claims: dict[str, Any], name: str
) -> None:
    caller = await reading(issuer).authenticate(issuer.token(**claims))

    assert caller.name == name


async def test_a_token_may_last_longer_than_a_calendar(issuer: LocalIssuer) -> None:
    caller = await reading(issuer).authenticate(issuer.token(exp=10**20))

    assert caller.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


async def test_a_token_comes_with_the_first_message_of_a_socket_too(url: str, issuer: LocalIssuer) -> None:
    async with open_socket(url, {"Authorization": f"Bearer {issuer.token()}"}) as socket:
        (told,) = [each async for each in socket.subscribe(CALLER)]

    assert told["data"]["getCaller"]["authType"] == "OIDC"


async def test_a_token_that_expires_closes_the_socket_it_came_with(url: str, issuer: LocalIssuer) -> None:
    token = issuer.token(exp=int(time.time()) + 2)

    async with open_socket(url, {"authorization": token}) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "Unauthorized")


async def test_a_token_that_expires_ends_its_subscription_and_no_other(url: str, issuer: LocalIssuer) -> None:
    lasting, ending = issuer.token(), issuer.token(exp=int(time.time()) + 2)

    async with connect_realtime(url, headers={"Authorization": lasting}) as socket:
        await socket.send({"type": "connection_init"})
        opened = [await socket.receive(), await socket.receive()]
        await socket.start(REPORTS, subscription_id="lasting", headers={"Authorization": lasting})
        await socket.start(REPORTS, subscription_id="ending", headers={"Authorization": ending})
        acknowledged = [await socket.receive(), await socket.receive()]
        told = await socket.receive()
        await socket.send({"type": "stop", "id": "lasting"})
        stopped = await socket.receive()

    message = "The API key or token has expired or was revoked."
    error = {"errorType": "UnauthorizedException", "message": message, "errorCode": 401}
    assert opened == [ACK, KEEP_ALIVE]
    assert acknowledged == [{"type": "start_ack", "id": id} for id in ("lasting", "ending")]
    assert told == {"type": "error", "id": "ending", "payload": {"errors": [error]}}
    assert stopped == {"type": "complete", "id": "lasting"}


async def test_a_subscription_over_http_ends_with_its_token(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    headers = {"authorization": issuer.token(exp=int(time.time()) + 2), "accept": "text/event-stream"}

    answer = await sent(client, headers, REPORTS)

    assert answer.status_code == 200
    assert "The API key or token has expired or was revoked." in answer.text
    assert answer.text.endswith("event: complete\ndata: \n\n")


async def test_without_issuers_every_token_is_refused(issuer: LocalIssuer) -> None:
    access = Authenticator(None, None, bootstrap_api_key=None)  # type: ignore[arg-type] # Neither is asked.

    with pytest.raises(InvalidToken, match=NO_ISSUER):
        await access.authenticate({"Authorization": issuer.token()})
