"""Authentication by the tokens of an OIDC issuer."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

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
from tests.fixtures.api import API_KEY, WAIT_S, Api
from tests.fixtures.appsync_realtime import ACK, KEEP_ALIVE, connect_realtime
from tests.fixtures.graphql_transport_ws import open_socket
from tests.fixtures.issuer import CLIENT_ID, LocalIssuer, ec_key, local_issuer, public_jwk, rsa_key, serve_on, signed

CALLER = "{ getCaller { authType name role siteIds vppIds } }"
REPORTS = "subscription { onRevenueReport { id } }"
CREATE_VPP = 'mutation { createVpp(input: {name: "No", revenuePercentage: 20}) { id } }'
REFUSED = "You are not authorized to make this call: the token "
# Of tokens that expire within a test: long enough to subscribe with them on a busy machine.
LIFETIME_S = 6
NO_ROLE = "gives no role: no group in its claim {} has a role"
# Fixed ids, since the processes of a parallel run must collect the same tests.
ONE, OTHER = "3f2b6c1e-8d4a-4b7e-9c55-0a1d2e3f4a5b", "7c9e1a2b-4d5f-4e6a-8b7c-9d0e1f2a3b4c"


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        issuer.keys.append(public_jwk(ec_key("two"), kid="two"))
        issuer.keys.append(public_jwk(rsa_key("weak", 1024), kid="weak"))
        yield issuer


@pytest_asyncio.fixture(scope="module")
async def url(servers: EmbeddedServers, database_url: str, issuer: LocalIssuer) -> AsyncIterator[str]:
    """The URL of an API that trusts the issuer."""
    app = application(
        database_url=database_url,
        object_store=servers.object_store,
        bootstrap_api_key=API_KEY,
        embedded=True,
        oidc=issuer.settings(),
    )
    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        async with serve_on(app, listening):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest_asyncio.fixture(scope="module")
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_S) as client:
        yield client


async def post(client: httpx.AsyncClient, headers: dict[str, Any], document: str = CALLER) -> httpx.Response:
    return await client.post("/graphql", json={"query": document}, headers=headers)


def oidc_issuer(issuer: LocalIssuer, **changed: Any) -> OidcIssuer:
    return OidcIssuer(issuer.settings(**changed))


@pytest.mark.parametrize("header", ["{}", "Bearer {}", "bearer  {}"])
async def test_caller_has_the_name_role_and_scope_of_its_token(
    client: httpx.AsyncClient, issuer: LocalIssuer, header: str
) -> None:
    token = issuer.token(**{"custom:vpp_ids": f"{ONE},{OTHER}"})

    response = await post(client, {"authorization": header.format(token)})

    caller = {
        "authType": "OIDC",
        "name": "operator@example.com",
        "role": "OPERATOR",
        "siteIds": None,
        "vppIds": [ONE, OTHER],
    }
    assert response.json()["data"] == {"getCaller": caller}


async def test_access_token_of_cognito_has_client_id_in_place_of_aud(issuer: LocalIssuer) -> None:
    access_claims = {"token_use": "access", "aud": None, "email": None, "cognito:username": None, "username": "pat"}

    caller = await oidc_issuer(issuer).authenticate(issuer.token(**access_claims, client_id=CLIENT_ID))

    assert (caller.auth_type, caller.name, caller.role) == ("OIDC", "pat", "OPERATOR")
    with pytest.raises(InvalidToken, match="is for another audience"):
        await oidc_issuer(issuer).authenticate(issuer.token(**access_claims, client_id="another"))


def segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(issuer: LocalIssuer) -> str:
    return f"{segment({'alg': 'none', 'typ': 'JWT', 'kid': 'one'})}.{segment(issuer.claims())}."


def signed_with_the_public_key_as_hmac_secret(issuer: LocalIssuer) -> str:
    public = rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    signed_part = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(issuer.claims())}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed_part.encode(), hashlib.sha256))
    return f"{signed_part}.{signature.decode().rstrip('=')}"


def with_its_own_key_in_the_header(issuer: LocalIssuer) -> str:
    own = public_jwk(rsa_key("attacker"), kid="attacker")
    return signed(issuer.claims(), rsa_key("attacker"), kid="attacker", jwk=own, jku="http://127.0.0.1:1/keys")


def with_changed_claims(issuer: LocalIssuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{segment(issuer.claims(**{'cognito:groups': ['ADMIN']}))}.{signature}"


def deeply_nested(issuer: LocalIssuer) -> str:
    deep = base64.urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=")
    return f"{segment({'alg': 'RS256'})}.{deep}.x"


MALFORMED = "is malformed: it cannot be decoded"
UNKNOWN_ISSUER = "is from an issuer that this API does not trust"
WRONG_ALGORITHM = "is signed with an algorithm that this API does not accept"
WRONG_SIGNATURE = "is not signed with the key it names"
NOT_PUBLISHED = "is not signed with a key that its issuer has published"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda issuer: issuer.token(exp=int(time.time()) - 31), "has expired"),
        (lambda issuer: issuer.token(nbf=int(time.time()) + 60), "is not valid yet"),
        (lambda issuer: issuer.token(iat=int(time.time()) + 60), "is not valid yet"),
        (lambda issuer: issuer.token(exp=None), "lacks the claim exp"),
        (lambda issuer: issuer.token(exp="soon"), MALFORMED),
        (lambda issuer: issuer.token(exp=float("inf")), MALFORMED),
        (lambda issuer: issuer.token(iss=None), UNKNOWN_ISSUER),
        (lambda issuer: f"{segment({'alg': 'RS256'})}.{segment({'iss': ['urn:vpp']})}.AA", UNKNOWN_ISSUER),
        (lambda issuer: issuer.token(iss="https://issuer.example.com"), UNKNOWN_ISSUER),
        (lambda issuer: issuer.token(iss=f"{issuer.url}/"), UNKNOWN_ISSUER),
        (lambda issuer: issuer.token(aud="another"), "is for another audience"),
        (lambda issuer: issuer.token(aud=["another", "third"]), "is for another audience"),
        (lambda issuer: issuer.token(aud=None), "is for another audience"),
        (lambda issuer: issuer.token(aud="another", client_id=CLIENT_ID), "is for another audience"),
        (unsigned, WRONG_ALGORITHM),
        (signed_with_the_public_key_as_hmac_secret, WRONG_ALGORITHM),
        (lambda issuer: signed(issuer.claims(), rsa_key("one"), algorithm="RS512", kid="one"), WRONG_ALGORITHM),
        (lambda issuer: signed(issuer.claims(), rsa_key("attacker"), kid="one"), WRONG_SIGNATURE),
        (lambda issuer: signed(issuer.claims(), ec_key("attacker"), algorithm="ES256", kid="two"), WRONG_SIGNATURE),
        (lambda issuer: signed(issuer.claims(), rsa_key("one"), kid="two"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), ec_key("two"), algorithm="ES256", kid="one"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), rsa_key("attacker"), kid="'; drop table api_keys; --"), NOT_PUBLISHED),
        (lambda issuer: signed(issuer.claims(), rsa_key("attacker"), kid="../../keys"), NOT_PUBLISHED),
        (with_its_own_key_in_the_header, NOT_PUBLISHED),
        (with_changed_claims, WRONG_SIGNATURE),
        (lambda issuer: issuer.token()[:-10], WRONG_SIGNATURE),
        (lambda issuer: issuer.token().rpartition(".")[0], MALFORMED),
        (lambda issuer: issuer.token() + ".x", MALFORMED),
        (lambda issuer: "a.b.c", MALFORMED),
        (lambda issuer: "..", MALFORMED),
        (deeply_nested, MALFORMED),
        (lambda issuer: "x." * MAX_TOKEN_CHARACTERS, f"has more than {MAX_TOKEN_CHARACTERS} characters"),
        (lambda issuer: issuer.token(**{"cognito:groups": None}), NO_ROLE.format("cognito:groups")),
        (lambda issuer: issuer.token(**{"cognito:groups": ["staff", ""]}), NO_ROLE.format("cognito:groups")),
        (lambda issuer: issuer.token(**{"cognito:groups": {"ADMIN": True}}), NO_ROLE.format("cognito:groups")),
    ],
)
async def test_invalid_token_is_rejected(
    client: httpx.AsyncClient, api: Api, issuer: LocalIssuer, make: Callable[[LocalIssuer], str], reason: str
) -> None:
    token = make(issuer)
    before = await api.fleet_snapshot()

    response = await post(client, {"authorization": f"Bearer {token}"}, CREATE_VPP)

    message = f"{REFUSED}{reason}."
    error = {"errorType": "UnauthorizedException", "message": message}
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (401, "UnauthorizedException")
    assert response.json() == {"message": message, "errors": [error]}
    assert await api.fleet_snapshot() == before


async def test_token_signed_with_a_short_key_is_rejected(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    with pytest.warns(match="below the minimum"):
        token = signed(issuer.claims(), rsa_key("weak", 1024), kid="weak")

    response = await post(client, {"authorization": token})

    assert (response.status_code, response.json()["message"]) == (
        401,
        f"{REFUSED}is signed with a key that is too short.",
    )


async def test_token_in_the_api_key_header_is_rejected(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    response = await post(client, {"x-api-key": issuer.token()})

    assert response.status_code == 401
    assert response.json()["message"].endswith("the API key is unknown, expired or revoked.")


async def test_bootstrap_key_may_contain_dots(servers: EmbeddedServers, database_url: str) -> None:
    app = application(
        database_url=database_url, object_store=servers.object_store, bootstrap_api_key="a.b.c", embedded=True
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            response = await client.post("/graphql", json={"query": CALLER}, headers={"authorization": "Bearer a.b.c"})

    assert response.json()["data"]["getCaller"]["name"] == "bootstrap"


@pytest.mark.parametrize("changed", [{"exp": 5}, {"nbf": -5}, {"iat": -5}])
async def test_token_is_accepted_within_the_leeway(issuer: LocalIssuer, changed: dict[str, int]) -> None:
    now = int(time.time())
    token = issuer.token(**{claim: now - seconds for claim, seconds in changed.items()})

    within = await oidc_issuer(issuer, leeway_s=30).authenticate(token)

    assert within.expires_at is not None
    assert within.expires_at > datetime.now(UTC)
    with pytest.raises(InvalidToken):
        await oidc_issuer(issuer, leeway_s=0).authenticate(token)


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
async def test_caller_has_the_highest_role_of_its_groups(issuer: LocalIssuer, groups: object, role: str) -> None:
    caller = await oidc_issuer(issuer).authenticate(issuer.token(**{"cognito:groups": groups}))

    assert caller.role == role


async def test_names_of_claims_and_groups_can_be_configured(issuer: LocalIssuer) -> None:
    oidc = oidc_issuer(
        issuer,
        roles_claim="https://example.com/roles",
        roles={"vpp-staff": "OPERATOR", "vpp-admins": "ADMIN"},
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
async def test_scope_claim_may_be_a_list_or_a_text(issuer: LocalIssuer, claim: object, ids: list[str]) -> None:
    operator = await oidc_issuer(issuer).authenticate(issuer.token(**{"custom:vpp_ids": claim}))
    member = await oidc_issuer(issuer).authenticate(
        issuer.token(**{"cognito:groups": "member", "custom:site_ids": claim})
    )

    assert [str(id) for id in operator.vpp_ids or ()] == ids
    assert [str(id) for id in member.site_ids or ()] == ids
    assert (operator.vpp_ids is None, member.site_ids is None) == (False, False)


async def test_member_without_a_site_claim_may_see_no_site(issuer: LocalIssuer) -> None:
    caller = await oidc_issuer(issuer).authenticate(issuer.token(**{"cognito:groups": ["member"]}))

    assert (caller.role, caller.vpp_ids, caller.site_ids) == ("MEMBER", None, [])


async def test_scope_claim_of_another_role_is_ignored(issuer: LocalIssuer) -> None:
    caller = await oidc_issuer(issuer).authenticate(issuer.token(**{"custom:vpp_ids": ONE, "custom:site_ids": OTHER}))

    assert ([str(id) for id in caller.vpp_ids or ()], caller.site_ids) == ([ONE], None)


@pytest.mark.parametrize("claim", ["all", f"{ONE};{OTHER}", [ONE, "all"], [1], 1, {"id": ONE}, False, "[", "[1]"])
@pytest.mark.parametrize("name", ["custom:vpp_ids", "custom:site_ids"])
async def test_malformed_scope_claim_is_rejected_for_every_role(issuer: LocalIssuer, name: str, claim: object) -> None:
    with pytest.raises(InvalidToken) as refused:
        await oidc_issuer(issuer).authenticate(issuer.token(**{name: claim}))

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
async def test_caller_is_named_by_the_first_name_claim_in_the_token(
    issuer: LocalIssuer, claims: dict[str, Any], name: str
) -> None:
    caller = await oidc_issuer(issuer).authenticate(issuer.token(**claims))

    assert caller.name == name


async def test_expiry_after_the_year_9999_is_limited_to_it(issuer: LocalIssuer) -> None:
    caller = await oidc_issuer(issuer).authenticate(issuer.token(exp=10**20))

    assert caller.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


async def test_token_is_accepted_in_the_first_message_of_a_websocket(url: str, issuer: LocalIssuer) -> None:
    async with open_socket(url, {"Authorization": f"Bearer {issuer.token()}"}) as socket:
        (result,) = [result async for result in socket.subscribe(CALLER)]

    assert result["data"]["getCaller"]["authType"] == "OIDC"


async def test_websocket_is_closed_when_its_token_expires(url: str, issuer: LocalIssuer) -> None:
    token = issuer.token(exp=int(time.time()) + LIFETIME_S)

    async with open_socket(url, {"authorization": token}) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.receive()

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "Unauthorized")


async def test_expired_token_ends_its_subscription_and_no_other(url: str, issuer: LocalIssuer) -> None:
    valid, expiring = issuer.token(), issuer.token(exp=int(time.time()) + LIFETIME_S)

    async with connect_realtime(url, headers={"Authorization": valid}) as socket:
        await socket.send({"type": "connection_init"})
        opened = [await socket.receive(), await socket.receive()]
        await socket.start(REPORTS, subscription_id="lasting", headers={"Authorization": valid})
        await socket.start(REPORTS, subscription_id="ending", headers={"Authorization": expiring})
        acknowledged = [await socket.receive(), await socket.receive()]
        error_message = await socket.receive()
        await socket.send({"type": "stop", "id": "lasting"})
        stopped = await socket.receive()

    message = "The API key or token has expired or was revoked."
    error = {"errorType": "UnauthorizedException", "message": message, "errorCode": 401}
    assert opened == [ACK, KEEP_ALIVE]
    assert acknowledged == [{"type": "start_ack", "id": id} for id in ("lasting", "ending")]
    assert error_message == {"type": "error", "id": "ending", "payload": {"errors": [error]}}
    assert stopped == {"type": "complete", "id": "lasting"}


async def test_event_stream_ends_when_its_token_expires(client: httpx.AsyncClient, issuer: LocalIssuer) -> None:
    headers = {"authorization": issuer.token(exp=int(time.time()) + LIFETIME_S), "accept": "text/event-stream"}

    response = await post(client, headers, REPORTS)

    assert response.status_code == 200
    assert "The API key or token has expired or was revoked." in response.text
    assert response.text.endswith("event: complete\ndata: \n\n")


async def test_every_token_is_rejected_without_a_configured_issuer(issuer: LocalIssuer) -> None:
    authenticator = Authenticator(None, None, bootstrap_api_key=None)  # type: ignore[arg-type] # Neither is used.

    with pytest.raises(InvalidToken, match=UNKNOWN_ISSUER):
        await authenticator.authenticate({"Authorization": issuer.token()})
