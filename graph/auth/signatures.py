"""
AppSync's AWS_IAM: requests signed in AWS's Signature Version 4, with access keys of ours.

A signature covers the method, the path, the query, the headers it names and the hash of the body, as they reached us;
botocore makes it once more. It is good for a few minutes, for that one request, which may be sent again as long: AWS
allows the same, since clients do so by themselves when an answer is lost or when they ask the same twice in a second.
Over the real-time protocol, which knows no bodies, it is of a POST that is never sent: for `connection_init` of `{}` to
the endpoint's path and `/connect`, for each `start` of its `data` to the endpoint.

Source: AWS's IAM User Guide, "AWS Signature Version 4 for API requests", and AppSync's Developer Guide, "Building a
real-time WebSocket client". Refusals have the names and, where there are any, the words of AWS's.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.requests import Request
from starlette.websockets import WebSocket

import db.access_keys
from db.engine.database import Database
from db.engine.refusals import Unauthorized
from graph.auth.authentication import Authenticator
from graph.auth.callers import Caller
from graph.settings import IamSettings

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "appsync"
TIMESTAMP = "%Y%m%dT%H%M%SZ"
ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
# Of the x-amz-* headers, what AppSync's clients add when they have signed, and CloudFront on the way: neither decides
# anything.
MAY_BE_UNSIGNED = {"x-amz-user-agent", "x-amz-cf-id"}


class SignatureRefused(Unauthorized):
    """The request is signed, but not so that it can be let in."""

    error_type: ClassVar[str] = "InvalidSignatureException"


class IncompleteSignature(SignatureRefused):
    """
    Authorization header requires '{part}'; expected AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/appsync/aws4_request, \
SignedHeaders=NAMES, Signature=HEX.
    """

    error_type = "IncompleteSignatureException"


class WrongScope(SignatureRefused):
    """Credential should be scoped to {expected}, not {given}."""


class WrongScopeDate(SignatureRefused):
    """Date in Credential scope does not match the day of the request: {given} is not that of {timestamp}."""


class HeaderNotSigned(SignatureRefused):
    """'{name}' must be a SignedHeader in the Authorization, which names {given}."""


class HeaderNotSent(SignatureRefused):
    """'{name}' is a SignedHeader in the Authorization, but the request has no such header."""


class NoDate(SignatureRefused):
    """The request needs one date, such as x-amz-date: 20250901T000000Z; it has {given}."""


class SignatureExpired(SignatureRefused):
    """Signature expired: {timestamp} is now earlier than {earliest} ({now} - {skew_s:g} s)."""


class SignatureNotYetCurrent(SignatureRefused):
    """Signature not yet current: {timestamp} is still later than {latest} ({now} + {skew_s:g} s)."""


class OtherBody(SignatureRefused):
    """The x-amz-content-sha256 must be the hash of the body, which is {expected}; it is {given}."""


class UnknownAccessKey(SignatureRefused):
    """The access key id included in the request is invalid: {id} is unknown, expired or revoked."""

    error_type = "UnrecognizedClientException"


class UnknownToken(SignatureRefused):
    """The security token included in the request is invalid: none are given here, send no x-amz-security-token."""

    error_type = "UnrecognizedClientException"


class SignatureDoesNotMatch(SignatureRefused):
    """
    The request signature we calculated does not match the signature you provided. Check your secret access key and \
signing method. What reached us is a POST to the path {path} of the host {host}, with a body whose SHA-256 is {hash}.
    """


class Received(NamedTuple):
    """What is signed of a request, as it reached us: the path is still encoded, names of headers are in lower case."""

    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return what a header says; what several of its name say, with commas, as the signature has it."""
        given = [value for each, value in self.headers if each == name]
        return ",".join(given) if given else None


@dataclass(frozen=True)
class Claim:
    """What the Authorization of a request says of its signature."""

    access_key_id: str
    timestamp: str
    signed_headers: frozenset[str]
    signature: str


class Signatures:
    """Tells callers by the signatures of their requests."""

    def __init__(
        self, access: Authenticator, database: Database, *, region: str, signing: IamSettings | None = None
    ) -> None:
        self._access = access
        self._database = database
        self._region = region
        self._signing = signing or IamSettings()

    async def caller(self, received: Received) -> Caller:
        """Return who has signed a request; refuse with `SignatureRefused`."""
        skew = timedelta(seconds=self._signing.clock_skew_s)
        claim = read_claim(received, region=self._region, now=datetime.now(UTC), skew=skew)
        key = None
        if ACCESS_KEY_ID.fullmatch(claim.access_key_id):
            key = await self._database.row(db.access_keys.access_key(claim.access_key_id))
        if key is None:
            raise UnknownAccessKey(id=claim.access_key_id)
        calculated = signature_of(received, claim, region=self._region, secret=key.secret)
        if not secrets.compare_digest(calculated.encode(), claim.signature.encode()):
            hash = sha256(received.body).hexdigest()
            raise SignatureDoesNotMatch(path=received.path, host=received.header("host"), hash=hash)
        return self._access.known(key, auth_type="IAM")


def is_signed(headers: Mapping[str, object]) -> bool:
    """Tell whether headers, or what came in their stead, are those of a signed request."""
    return any(
        name.lower() == "authorization" and isinstance(value, str) and value.startswith(ALGORITHM)
        for name, value in headers.items()
    )


def received(request: Request, body: bytes) -> Received:
    """Return what is signed of a request, whose body has been read."""
    return Received(
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers.items(),
        body=body,
    )


def received_over(websocket: WebSocket, headers: Mapping[str, object], *, below: str, body: str) -> Received:
    """Return what is signed in the real-time protocol, of a request to a path `below` the endpoint's."""
    given = {name.lower(): _plain(value) for name, value in headers.items() if isinstance(value, str)}
    # A signature is of the host to which the socket was opened, whatever host is named beside it.
    if "host" in given:
        given["host"] = websocket.headers.get("host", "")
    path = websocket.scope["raw_path"].decode("latin-1").removesuffix("/realtime")
    return Received(path=path + below, query="", headers=list(given.items()), body=_plain(body).encode())


def read_claim(received: Received, *, region: str, now: datetime, skew: timedelta) -> Claim:
    """Read what a request says of its signature, and refuse what could not be let in whoever had signed it."""
    if received.header("x-amz-security-token"):
        raise UnknownToken
    parts = _parts(received.header("authorization") or "")
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise IncompleteSignature(part="Credential")
    access_key_id, day, given_region, service, _ = scope
    if service != SERVICE:
        raise WrongScope(expected=f"the service {SERVICE}", given=service)
    if given_region != region:
        raise WrongScope(expected=f"the region {region}", given=given_region)
    signed_headers = _signed_headers(received, parts["SignedHeaders"])
    moment = _date(received)
    timestamp = moment.strftime(TIMESTAMP)
    if timestamp[:8] != day:
        raise WrongScopeDate(given=day, timestamp=timestamp)
    if not now - skew <= moment <= now + skew:
        wrong = SignatureExpired if moment < now else SignatureNotYetCurrent
        earliest, latest = ((now + by).strftime(TIMESTAMP) for by in (-skew, skew))
        raise wrong(
            timestamp=timestamp,
            earliest=earliest,
            latest=latest,
            now=now.strftime(TIMESTAMP),
            skew_s=skew.total_seconds(),
        )
    # botocore signs what this header says in place of the body's own hash.
    given_hash, own_hash = received.header("x-amz-content-sha256"), sha256(received.body).hexdigest()
    if given_hash not in (None, own_hash):
        raise OtherBody(given=given_hash, expected=own_hash)
    return Claim(access_key_id, timestamp, signed_headers, parts["Signature"])


def signature_of(received: Received, claim: Claim, *, region: str, secret: str) -> str:
    """Sign a request as its sender claims to have done."""
    query = urlencode(parse_qsl(received.query, keep_blank_values=True), quote_via=quote)
    # The host that counts is the one among the headers.
    request = AWSRequest(method="POST", url=f"https://host{received.path}?{query}", data=received.body)
    for name, value in received.headers:
        if name in claim.signed_headers:
            # Beside what others of its name say.
            request.headers[name] = value
    request.context["timestamp"] = claim.timestamp
    signer = _Signer(Credentials(claim.access_key_id, secret), SERVICE, region)
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


class _Signer(SigV4Auth):
    def headers_to_sign(self, request: AWSRequest) -> Any:
        # botocore's own choice leaves out some that others sign, such as user-agent.
        return request.headers


def _parts(authorization: str) -> dict[str, str]:
    given = (part.strip().partition("=") for part in authorization.removeprefix(ALGORITHM).split(","))
    parts = {name: value for name, _, value in given}
    for part in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(part):
            raise IncompleteSignature(part=part)
    return parts


def _signed_headers(received: Received, given: str) -> frozenset[str]:
    signed = frozenset(given.lower().split(";"))
    sent = {name for name, _ in received.headers}
    # Without x-amz-date it is the date that counts.
    needed = {"host", "date"} if "x-amz-date" not in sent else {"host"}
    for name in sorted(needed | {name for name in sent - MAY_BE_UNSIGNED if name.startswith("x-amz-")}):
        if name not in signed:
            raise HeaderNotSigned(name=name, given=given)
    for name in sorted(signed - sent):
        raise HeaderNotSent(name=name)
    return signed


def _date(received: Received) -> datetime:
    given = received.header("x-amz-date")
    try:
        if given is None:
            # An offset of -0000 stands for UTC of an unknown zone.
            moment = parsedate_to_datetime(received.header("date") or "")
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        moment = datetime.strptime(given, TIMESTAMP).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise NoDate(given=given or received.header("date") or "none") from None
    if moment.strftime(TIMESTAMP) != given:
        raise NoDate(given=given)
    return moment


def _plain(text: str) -> str:
    # JSON can hold half of a surrogate pair, which no encoding can.
    return text.encode(errors="replace").decode()
