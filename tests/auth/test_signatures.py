"""Authentication by AWS Signature Version 4, as with AppSync's AWS_IAM."""

import asyncio
import gzip
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import pytest_asyncio
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import text

from db.engine.database import Database
from db.engine.notices import Notices
from graph.auth.authentication import Authenticator
from graph.auth.key_cache import KeyCache
from graph.auth.signatures import SignatureRefused, SignatureVerifier, SignedRequest, parse_authorization
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving
from tests.fixtures.api import Api
from tests.fixtures.appsync_realtime import ACK, KEEP_ALIVE, connect_realtime
from tests.fixtures.signing import Signer, new_signing_key, timestamp

CALLER = "{ getCaller { authType name role vppIds } }"
BODY = json.dumps({"query": CALLER}).encode()
HOST = "127.0.0.1"
JSON = {"content-type": "application/json"}
NOW = datetime(2025, 9, 1, 0, 2, tzinfo=UTC)
SKEW = timedelta(minutes=5)
REVOKE = "mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }"
REPORTS = "subscription { onRevenueReport { id } }"
UNKNOWN = "UnrecognizedClientException"
INVALID = "InvalidSignatureException"
INCOMPLETE = "IncompleteSignatureException"


@pytest_asyncio.fixture
async def signer(api: Api, database: Database) -> Signer:
    return (await new_signing_key(api, database)).signer


async def post(
    api: Api, headers: Any, body: bytes = BODY, *, path: str = "/graphql"
) -> tuple[int, str | None, str | None]:
    """Send a request, and return the response's status, error type and message."""
    response = await api.client.post(path, content=body, headers=headers)
    return response.status_code, response.headers.get("x-amzn-errortype"), response.json().get("message")


def mismatch(body: bytes = BODY, *, path: str = "/graphql", host: str = HOST) -> tuple[int, str, str]:
    message = (
        "The request signature we calculated does not match the signature you provided. Check your secret access key "
        f"and signing method. The server received a POST to the path {path} of the host {host}, with a body whose "
        f"SHA-256 is {sha256(body).hexdigest()}."
    )
    return 403, INVALID, message


def unknown(id: str) -> tuple[int, str, str]:
    return 403, UNKNOWN, f"The access key id included in the request is invalid: {id} is unknown, expired or revoked."


def signed(signer: Signer, *more: tuple[str, str], body: bytes = BODY, **how: Any) -> list[tuple[str, str]]:
    """Sign a request that is sent now, and return its headers: the usual ones, `more`, and the signature."""
    headers = [("content-type", "application/json"), ("host", HOST), ("x-amz-date", timestamp()), *more]
    return [*headers, ("authorization", signer.authorization(headers, body, **how))]


# Accepted requests


# From AWS's test suite for Signature Version 4: get-vanilla, post-vanilla and post-x-www-form-urlencoded.
@pytest.mark.parametrize(
    ("method", "more", "body", "signature"),
    [
        ("GET", [], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", [], b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            [("content-type", "application/x-www-form-urlencoded")],
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_signer_of_the_tests_signs_as_aws_does(
    method: str, more: list[tuple[str, str]], body: bytes, signature: str
) -> None:
    signer = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", service="service")
    headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"), *more]

    authorization = signer.authorization(headers, body, method=method, path="/")

    assert authorization.endswith(f"Signature={signature}")


async def test_caller_has_the_name_role_and_scope_of_the_api_key(api: Api, database: Database) -> None:
    vpp_id = await api.create_vpp()
    key = await new_signing_key(api, database, role="OPERATOR", vppIds=[vpp_id])

    response = await api.client.post("/graphql", content=BODY, headers=signed(key.signer))

    caller = {"authType": "IAM", "name": key.name, "role": "OPERATOR", "vppIds": [vpp_id]}
    assert (response.status_code, response.json()["data"]) == (200, {"getCaller": caller})


@pytest.mark.parametrize("path", ["/graphql", "/graphql?b=2&a=%2F&a=%20", "/%67raphql"])
@pytest.mark.parametrize("added", [{}, {"Date": "now"}, {"User-Agent": "a  script"}])
async def test_request_signed_by_botocore_is_accepted(
    api: Api, signer: Signer, path: str, added: dict[str, str]
) -> None:
    request = AWSRequest("POST", f"http://{HOST}{path}", {"Content-Type": "application/json"} | added, BODY)
    SigV4Auth(Credentials(signer.access_key_id, signer.secret), "appsync", "us-east-1").add_auth(request)

    assert await post(api, dict(request.headers), path=path) == (200, None, None)


@pytest.mark.parametrize(
    "more",
    [
        [("x-note", "a"), ("x-note", "b")],
        [("x-note", "  two   spaces  ")],
        [("user-agent", "a script"), ("x-amz-user-agent", "aws-amplify/6")],
        [("x-amz-content-sha256", sha256(BODY).hexdigest())],
    ],
)
async def test_headers_are_verified_in_canonical_form(api: Api, signer: Signer, more: list[tuple[str, str]]) -> None:
    assert await post(api, signed(signer, *more)) == (200, None, None)


async def test_headers_added_by_amplify_and_cloudfront_need_no_signature(api: Api, signer: Signer) -> None:
    added = [("x-amz-user-agent", "aws-amplify/6"), ("x-amz-cf-id", "5"), ("x-api-key", "da2-wrong")]

    assert await post(api, [*signed(signer), *added]) == (200, None, None)


async def test_compressed_body_is_signed_as_it_is_sent(api: Api, signer: Signer) -> None:
    compressed = gzip.compress(BODY)
    encoding = ("content-encoding", "gzip")

    assert await post(api, signed(signer, encoding, body=compressed), compressed) == (200, None, None)
    assert await post(api, signed(signer, encoding, body=BODY), compressed) == mismatch(compressed)


async def test_signed_request_may_be_sent_again(api: Api, signer: Signer) -> None:
    headers = signed(signer)

    assert [await post(api, headers) for _ in range(2)] == [(200, None, None)] * 2


async def test_access_key_created_on_the_command_line_signs_requests(
    servers: EmbeddedServers, api_server: Serving, served_api: Api
) -> None:
    environment = {"VPP_DATABASE_URL": servers.database_url, "VPP_S3_BUCKET": servers.object_store.bucket}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", "key", "create", "a script", "--role", "READER", "--iam"),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    api_key, *lines = output.decode().splitlines()
    access_key = dict(line.split("=", 1) for line in lines)
    signer = Signer(access_key["AWS_ACCESS_KEY_ID"], access_key["AWS_SECRET_ACCESS_KEY"])
    headers = signer.headers(BODY, host=urlsplit(api_server.url).netloc)
    by_signature = await served_api.client.post("/graphql", content=BODY, headers=headers)
    by_api_key = await served_api.client.post("/graphql", content=BODY, headers=JSON | {"x-api-key": api_key})

    caller = {"name": "a script", "role": "READER", "vppIds": None}
    assert by_signature.json()["data"] == {"getCaller": caller | {"authType": "IAM"}}
    assert by_api_key.json()["data"] == {"getCaller": caller | {"authType": "API_KEY"}}


# Rejected requests


async def test_change_of_a_signed_part_is_rejected(api: Api, signer: Signer) -> None:
    headers = dict(signed(signer, ("x-note", "a")))
    other_body = BODY.replace(b"name", b"role")

    assert await post(api, headers, other_body) == mismatch(other_body)
    assert await post(api, headers | {"x-note": "b"}) == mismatch()
    assert await post(api, headers | {"host": "localhost"}) == mismatch(host="localhost")
    assert await post(api, headers, path="/graphql?a=1") == mismatch()
    assert await post(api, headers, path="/%67raphql") == mismatch(path="/%67raphql")
    assert await post(api, [*headers.items(), ("x-note", "a")]) == mismatch()
    # The unchanged request is valid.
    assert await post(api, headers) == (200, None, None)


@pytest.mark.parametrize("how", [{"path": "/graphql/connect"}, {"method": "GET"}])
async def test_signature_of_another_path_or_method_is_rejected(api: Api, signer: Signer, how: dict[str, Any]) -> None:
    assert await post(api, signed(signer, **how)) == mismatch()


async def test_signature_with_a_wrong_secret_is_rejected(api: Api, signer: Signer) -> None:
    assert await post(api, signed(replace(signer, secret="wrong"))) == mismatch()


async def test_truncated_or_changed_signature_is_rejected(api: Api, signer: Signer) -> None:
    headers = dict(signed(signer))
    right = headers["authorization"]
    last = "1" if right.endswith("0") else "0"

    for wrong in (right[:-1], right[:-32], f"{right}0", right[:-1] + last, f"{right[:-1]}ü".encode("latin-1")):
        assert await post(api, headers | {"authorization": wrong}) == mismatch()


@pytest.mark.parametrize("id", ["VPPKAAAAAAAAAAAAAAAA", "AKIDEXAMPLE", "x'--", "VPPK\0AAAAAAAAAAAAAAA"])
async def test_unknown_access_key_is_rejected(api: Api, signer: Signer, id: str) -> None:
    assert await post(api, signed(replace(signer, access_key_id=id))) == unknown(id)


async def test_access_key_of_a_revoked_api_key_is_rejected_at_once(api: Api, database: Database) -> None:
    key = await new_signing_key(api, database)
    before = await post(api, signed(key.signer))

    await api.execute(REVOKE, id=key.id)

    assert before == (200, None, None)
    assert await post(api, signed(key.signer)) == unknown(key.signer.access_key_id)


async def test_access_key_of_an_expired_api_key_is_rejected(api: Api, database: Database) -> None:
    expired, valid = [await new_signing_key(api, database, expiresAt="9000-01-01T00:00Z") for _ in range(2)]
    async with database.transaction() as session:
        expire = text("update api_keys set expires_at = now() where id = :id")
        await session.execute(expire, {"id": UUID(expired.id)})

    assert await post(api, signed(expired.signer)) == unknown(expired.signer.access_key_id)
    assert await post(api, signed(valid.signer)) == (200, None, None)


async def test_rejected_request_changes_nothing(api: Api, signer: Signer) -> None:
    body = json.dumps({"query": 'mutation { createVpp(input: {name: "No", revenuePercentage: 20}) { id } }'}).encode()
    before = await api.fleet_snapshot()

    assert await post(api, signed(signer), body) == mismatch(body)

    assert await api.fleet_snapshot() == before


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"region": "eu-west-1"}, "Credential should be scoped to the region us-east-1, not eu-west-1."),
        ({"service": "execute-api"}, "Credential should be scoped to the service appsync, not execute-api."),
    ],
)
async def test_signature_for_another_region_or_service_is_rejected(
    api: Api, signer: Signer, other: dict[str, Any], message: str
) -> None:
    assert await post(api, signed(replace(signer, **other))) == (403, INVALID, message)


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_signature_is_rejected_six_minutes_from_its_date(api: Api, signer: Signer, minutes: int) -> None:
    at = timestamp(datetime.now(UTC) + timedelta(minutes=minutes))
    headers = [("content-type", "application/json"), ("host", HOST), ("x-amz-date", at)]

    status, kind, message = await post(api, [*headers, ("authorization", signer.authorization(headers, BODY))])

    when = "expired" if minutes < 0 else "not yet current"
    assert (status, kind) == (403, INVALID)
    assert (message or "").startswith(f"Signature {when}: {at} is ")


async def test_clock_skew_can_be_set_in_the_environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VPP_IAM_CLOCK_SKEW_S", "60")
    authenticator = Authenticator(database, KeyCache(database, Notices(database.url)), bootstrap_api_key=None)
    signatures = SignatureVerifier(authenticator, database, region="us-east-1")
    headers = [("host", HOST), ("x-amz-date", timestamp(datetime.now(UTC) - timedelta(minutes=2)))]
    authorization = ("authorization", Signer("ID", "secret").authorization(headers, BODY))

    with pytest.raises(SignatureRefused, match=r"^Signature expired: .* - 60 s\)\.$"):
        await signatures.authenticate(SignedRequest("/graphql", "", [*headers, authorization], BODY))


async def test_body_over_the_limit_is_rejected_before_the_signature(api: Api, signer: Signer) -> None:
    status, kind, _ = await post(api, signed(signer), b" " * (2**20 + 1))

    assert (status, kind) == (413, "RequestEntityTooLargeException")


# Requests that are rejected before the signature is verified


DATE = ("x-amz-date", "20250901T000200Z")
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=ID/20250901/us-east-1/appsync/aws4_request"
NO_PART = (
    "Authorization header requires '{}'; expected AWS4-HMAC-SHA256 "
    "Credential=ID/DATE/REGION/appsync/aws4_request, SignedHeaders=NAMES, Signature=HEX."
)
NO_DATE = "The request needs one date, such as x-amz-date: 20250901T000000Z; it has {}."


def parsed(*headers: tuple[str, str], names: str = "host;x-amz-date", credential: str = CREDENTIAL) -> Any:
    authorization = f"{credential}, SignedHeaders={names}, Signature=00"
    request = SignedRequest("/graphql", "", [("host", HOST), *headers, ("authorization", authorization)], BODY)
    return parse_authorization(request, region="us-east-1", now=NOW, clock_skew=SKEW)


@pytest.mark.parametrize(
    ("headers", "timestamp"),
    [
        ([DATE], "20250901T000200Z"),
        ([("x-amz-date", "20250831T235700Z")], "20250831T235700Z"),
        ([("x-amz-date", "20250901T000700Z")], "20250901T000700Z"),
        ([("date", "Mon, 01 Sep 2025 00:02:00 GMT")], "20250901T000200Z"),
        ([("date", "Mon, 01 Sep 2025 10:02:00 +1000")], "20250901T000200Z"),
        ([("date", "Mon, 01 Sep 2025 00:02:00 -0000")], "20250901T000200Z"),
        ([DATE, ("date", "whatever")], "20250901T000200Z"),
    ],
)
def test_date_within_the_clock_skew_is_accepted(headers: list[tuple[str, str]], timestamp: str) -> None:
    names = ";".join(["host", *(name for name, _ in headers)])
    credential = CREDENTIAL.replace("20250901", timestamp[:8])

    assert parsed(*headers, names=names, credential=credential).timestamp == timestamp


@pytest.mark.parametrize(
    ("date", "message"),
    [
        (
            "20250831T235659Z",
            "Signature expired: 20250831T235659Z is now earlier than 20250831T235700Z (20250901T000200Z - 300 s).",
        ),
        (
            "20250901T000701Z",
            "Signature not yet current: 20250901T000701Z is still later than 20250901T000700Z "
            "(20250901T000200Z + 300 s).",
        ),
    ],
)
def test_date_outside_the_clock_skew_is_rejected_with_the_current_time(date: str, message: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        parsed(("x-amz-date", date), credential=CREDENTIAL.replace("20250901", date[:8]))

    assert (refused.value.error_type, str(refused.value)) == (INVALID, message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("x-amz-date", value) for value in ("", "now", "2025-09-01T00:02:00Z", "20250901T000200", "2025901T000200Z")),
        *(("x-amz-date", value) for value in ("20250931T000200Z", "00000901T000200Z", f"{DATE[1]},{DATE[1]}")),
        *(
            ("date", value)
            for value in ("", "now", "Mon, 01 Sep 2025 00:02:00 +9999", "Fri, 31 Dec 9999 23:00:00 -0200")
        ),
        ("date", f"Mon, 01 Sep 2025 00:02:00 +{'9' * 30}"),
    ],
)
def test_malformed_date_is_rejected(name: str, value: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        parsed((name, value), names=f"host;{name}")

    assert str(refused.value) == NO_DATE.format(value or "none")


@pytest.mark.parametrize(
    ("headers", "names", "error_type", "message"),
    [
        ([DATE], "x-amz-date", INVALID, "'host' must be a SignedHeader in the Authorization, which names x-amz-date."),
        ([DATE], "host", INVALID, "'x-amz-date' must be a SignedHeader in the Authorization, which names host."),
        ([], "host", INVALID, "'date' must be a SignedHeader in the Authorization, which names host."),
        (
            [DATE, ("x-amz-target", "a")],
            "host;x-amz-date",
            INVALID,
            "'x-amz-target' must be a SignedHeader in the Authorization, which names host;x-amz-date.",
        ),
        (
            [DATE],
            "host;x-amz-date;x-note",
            INVALID,
            "'x-note' is a SignedHeader in the Authorization, but the request has no such header.",
        ),
        (
            [DATE, ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            "host;x-amz-content-sha256;x-amz-date",
            INVALID,
            "The x-amz-content-sha256 must be the hash of the body, which is "
            f"{sha256(BODY).hexdigest()}; it is UNSIGNED-PAYLOAD.",
        ),
        (
            [DATE, ("x-amz-security-token", "a")],
            "host;x-amz-date;x-amz-security-token",
            UNKNOWN,
            "The security token included in the request is invalid: this API issues none; "
            "send no x-amz-security-token.",
        ),
    ],
)
def test_missing_or_unsigned_headers_are_rejected(
    headers: list[tuple[str, str]], names: str, error_type: str, message: str
) -> None:
    with pytest.raises(SignatureRefused) as refused:
        parsed(*headers, names=names)

    assert (refused.value.error_type, str(refused.value)) == (error_type, message)


@pytest.mark.parametrize(
    ("authorization", "error_type", "message"),
    [
        ("AWS4-HMAC-SHA256", INCOMPLETE, NO_PART.format("Credential")),
        (f"{CREDENTIAL}, Signature=00", INCOMPLETE, NO_PART.format("SignedHeaders")),
        (f"{CREDENTIAL}, SignedHeaders=host;x-amz-date", INCOMPLETE, NO_PART.format("Signature")),
        (f"{CREDENTIAL}, SignedHeaders=host, Signature=", INCOMPLETE, NO_PART.format("Signature")),
        (
            "AWS4-HMAC-SHA256 Credential=ID/us-east-1/appsync/aws4_request,SignedHeaders=host,Signature=00",
            INCOMPLETE,
            NO_PART.format("Credential"),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=ID/20250901/us-east-1/appsync/aws4, SignedHeaders=host, Signature=00",
            INCOMPLETE,
            NO_PART.format("Credential"),
        ),
        (
            f"{CREDENTIAL.replace('20250901', '20250902')},SignedHeaders=host;x-amz-date,Signature=00",
            INVALID,
            "Date in Credential scope does not match the day of the request: 20250902 is not that of 20250901T000200Z.",
        ),
    ],
)
def test_incomplete_authorization_header_is_rejected(authorization: str, error_type: str, message: str) -> None:
    request = SignedRequest("/graphql", "", [("host", HOST), DATE, ("authorization", authorization)], BODY)

    with pytest.raises(SignatureRefused) as refused:
        parse_authorization(request, region="us-east-1", now=NOW, clock_skew=SKEW)

    assert (refused.value.error_type, str(refused.value)) == (error_type, message)


# The real-time protocol


def data(document: str) -> bytes:
    return json.dumps({"query": document, "variables": {}}).encode()


@pytest.mark.parametrize("path", ["/graphql", "/graphql/realtime"])
async def test_connection_and_each_start_are_signed_and_a_revoked_key_ends_the_subscription(
    api_server: Serving, served_api: Api, served_database: Database, path: str
) -> None:
    key = await new_signing_key(served_api, served_database)
    host = urlsplit(api_server.url).netloc

    async with connect_realtime(api_server.url, path=path, headers=connection_headers(key.signer, host)) as socket:
        await socket.send({"type": "connection_init"})
        acknowledged = [await socket.receive(), await socket.receive()]
        # Amplify adds x-amz-user-agent after signing.
        headers = key.signer.headers(data(REPORTS), host=host) | {"x-amz-user-agent": "aws-amplify/6"}
        id = await socket.start(REPORTS, headers=headers)
        started = await socket.receive()
        await served_api.execute(REVOKE, id=key.id)
        ended = await socket.receive()

    message = "The API key or token has expired or was revoked."
    assert acknowledged == [ACK, KEEP_ALIVE]
    assert started == {"type": "start_ack", "id": id}
    assert ended == {"type": "error", "id": id, "payload": {"errors": [error(message)]}}


async def test_connection_with_a_wrong_signature_is_rejected(
    api_server: Serving, served_api: Api, served_database: Database
) -> None:
    signer = (await new_signing_key(served_api, served_database)).signer
    host = urlsplit(api_server.url).netloc
    messages = []

    for headers in (
        connection_headers(replace(signer, secret="wrong"), host),
        connection_headers(signer, "vpp.example.com"),
        signer.headers(b"{}", host=host),
        signer.headers(b"", host=host, path="/graphql/connect"),
        connection_headers(signer, host) | {"x-half": "\ud800"},
    ):
        async with connect_realtime(api_server.url, headers=headers) as socket:
            await socket.send({"type": "connection_init"})
            messages.append(await socket.receive())

    _, _, message = mismatch(b"{}", path="/graphql/connect", host=host)
    refused = {"type": "connection_error", "payload": {"errors": [error(message)]}}
    assert messages == [refused] * 4 + [ACK]


async def test_start_with_a_wrong_signature_is_rejected(
    api_server: Serving, served_api: Api, served_database: Database
) -> None:
    signer = (await new_signing_key(served_api, served_database)).signer
    host = urlsplit(api_server.url).netloc
    other = "subscription { onRevenueReport { month } }"

    async with connect_realtime(api_server.url, headers=connection_headers(signer, host)) as socket:
        await socket.send({"type": "connection_init"})
        assert [await socket.receive(), await socket.receive()] == [ACK, KEEP_ALIVE]
        id = await socket.start(REPORTS, headers=signer.headers(data(other), host=host))
        signed_for_other_data = await socket.receive()
        await socket.start(REPORTS, subscription_id=id, headers=connection_headers(signer, host))
        signed_for_connecting = await socket.receive()
        await socket.start(REPORTS, subscription_id=id, headers=signer.headers(data(REPORTS), host=host))
        started = await socket.receive()

    _, _, message = mismatch(data(REPORTS), host=host)
    refused = {"type": "error", "id": id, "payload": {"errors": [error(message)]}}
    assert [signed_for_other_data, signed_for_connecting] == [refused] * 2
    assert started == {"type": "start_ack", "id": id}


def connection_headers(signer: Signer, host: str) -> dict[str, str]:
    return signer.headers(b"{}", host=host, path="/graphql/connect")


def error(message: str) -> dict[str, Any]:
    return {"errorType": "UnauthorizedException", "message": message, "errorCode": 401}
