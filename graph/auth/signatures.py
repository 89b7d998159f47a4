"""
Authentication of requests that are signed with AWS Signature Version 4, as with AppSync's AWS_IAM, by our access keys.

A signature covers the method, path, query, the headers that it names, and the hash of the body, as the server received
them. botocore computes the expected signature. A signature is valid for a few minutes and for one request, which can
be replayed in that time. AWS allows replays as well, because clients resend a request when its response is lost, and
send equal requests within a second.

The real-time protocol has no HTTP bodies. There, a message has the signature of a POST that is never sent. For
`connection_init`, it is a POST of `{}` to the endpoint's path and `/connect`; for each `start`, a POST of its `data` to
the endpoint.

Source: AWS's IAM User Guide, "AWS Signature Version 4 for API requests", and AppSync's Developer Guide, "Building a
real-time WebSocket client". Errors have the same names as in AWS, and the same messages if AWS has one.
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
# These x-amz-* headers need not be signed; all others must be. AppSync's clients add the first after signing, and
# CloudFront adds the second; this API reads neither.
UNSIGNED_HEADERS = {"x-amz-user-agent", "x-amz-cf-id"}


class SignatureRefused(Unauthorized):
    """The signature of a request is malformed, expired or wrong."""

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


class InvalidDate(SignatureRefused):
    """The request needs one date, such as x-amz-date: 20250901T000000Z; it has {given}."""


class SignatureExpired(SignatureRefused):
    """Signature expired: {timestamp} is now earlier than {earliest} ({now} - {skew_s:g} s)."""


class SignatureNotYetCurrent(SignatureRefused):
    """Signature not yet current: {timestamp} is still later than {latest} ({now} + {skew_s:g} s)."""


class BodyHashMismatch(SignatureRefused):
    """The x-amz-content-sha256 must be the hash of the body, which is {expected}; it is {given}."""


class UnknownAccessKey(SignatureRefused):
    """The access key id included in the request is invalid: {id} is unknown, expired or revoked."""

    error_type = "UnrecognizedClientException"


class SecurityTokenUnsupported(SignatureRefused):
    """The security token included in the request is invalid: this API issues none; send no x-amz-security-token."""

    error_type = "UnrecognizedClientException"


class SignatureDoesNotMatch(SignatureRefused):
    """
    The request signature we calculated does not match the signature you provided. Check your secret access key and \
signing method. The server received a POST to the path {path} of the host {host}, with a body whose SHA-256 is {hash}.
    """


class SignedRequest(NamedTuple):
    """The signed parts of a request as received: the path is percent-encoded, header names are in lower case."""

    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header; the values of a repeated header are joined by commas, as in the signature."""
        values = [value for header_name, value in self.headers if header_name == name]
        return ",".join(values) if values else None


@dataclass(frozen=True)
class Authorization:
    """The parsed Authorization header of a signed request, with the request's date."""

    access_key_id: str
    timestamp: str
    signed_headers: frozenset[str]
    signature: str


class SignatureVerifier:
    """Authenticates callers by the signatures of their requests."""

    def __init__(
        self, authenticator: Authenticator, database: Database, *, region: str, settings: IamSettings | None = None
    ) -> None:
        self._authenticator = authenticator
        self._database = database
        self._region = region
        self._settings = settings or IamSettings()

    async def authenticate(self, request: SignedRequest) -> Caller:
        """Return the caller whose access key signed a request. Raises SignatureRefused."""
        clock_skew = timedelta(seconds=self._settings.clock_skew_s)
        authorization = parse_authorization(request, region=self._region, now=datetime.now(UTC), clock_skew=clock_skew)
        key = None
        if ACCESS_KEY_ID.fullmatch(authorization.access_key_id):
            key = await self._database.row(db.access_keys.access_key(authorization.access_key_id))
        if key is None:
            raise UnknownAccessKey(id=authorization.access_key_id)
        expected = compute_signature(request, authorization, region=self._region, secret=key.secret)
        if not secrets.compare_digest(expected.encode(), authorization.signature.encode()):
            hash = sha256(request.body).hexdigest()
            raise SignatureDoesNotMatch(path=request.path, host=request.header("host"), hash=hash)
        return self._authenticator.caller_for_key(key, auth_type="IAM")


def is_signed(headers: Mapping[str, object]) -> bool:
    """Return whether HTTP headers, or the authorization object of a WebSocket message, belong to a signed request."""
    return any(
        name.lower() == "authorization" and isinstance(value, str) and value.startswith(ALGORITHM)
        for name, value in headers.items()
    )


def signed_request(request: Request, body: bytes) -> SignedRequest:
    """Return the signed parts of an HTTP request, whose body has been read."""
    return SignedRequest(
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers.items(),
        body=body,
    )


def signed_websocket_request(
    websocket: WebSocket, headers: Mapping[str, object], *, path_suffix: str, body: str
) -> SignedRequest:
    """Return the request that the signature of a real-time message covers: a POST to the endpoint with a suffix."""
    texts = {name.lower(): _replace_surrogates(value) for name, value in headers.items() if isinstance(value, str)}
    # The host is taken from the WebSocket's handshake, not from the message: a signature for another host must not be
    # accepted.
    if "host" in texts:
        texts["host"] = websocket.headers.get("host", "")
    path = websocket.scope["raw_path"].decode("latin-1").removesuffix("/realtime")
    body_bytes = _replace_surrogates(body).encode()
    return SignedRequest(path=path + path_suffix, query="", headers=list(texts.items()), body=body_bytes)


def parse_authorization(request: SignedRequest, *, region: str, now: datetime, clock_skew: timedelta) -> Authorization:
    """
    Parse the Authorization header, and check everything that does not depend on the secret.

    These are the credential scope, the signed headers, the date and the hash of the body. Raises SignatureRefused.
    """
    if request.header("x-amz-security-token"):
        raise SecurityTokenUnsupported
    parts = _parts(request.header("authorization") or "")
    scope = parts["Credential"].split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise IncompleteSignature(part="Credential")
    access_key_id, day, given_region, service, _ = scope
    if service != SERVICE:
        raise WrongScope(expected=f"the service {SERVICE}", given=service)
    if given_region != region:
        raise WrongScope(expected=f"the region {region}", given=given_region)
    signed_headers = _signed_headers(request, parts["SignedHeaders"])
    date = _date(request)
    timestamp = date.strftime(TIMESTAMP)
    if timestamp[:8] != day:
        raise WrongScopeDate(given=day, timestamp=timestamp)
    if not now - clock_skew <= date <= now + clock_skew:
        refusal = SignatureExpired if date < now else SignatureNotYetCurrent
        raise refusal(
            timestamp=timestamp,
            earliest=(now - clock_skew).strftime(TIMESTAMP),
            latest=(now + clock_skew).strftime(TIMESTAMP),
            now=now.strftime(TIMESTAMP),
            skew_s=clock_skew.total_seconds(),
        )
    # botocore signs the value of this header in place of the body's hash, so a wrong value would hide another body.
    header_hash, body_hash = request.header("x-amz-content-sha256"), sha256(request.body).hexdigest()
    if header_hash not in (None, body_hash):
        raise BodyHashMismatch(given=header_hash, expected=body_hash)
    return Authorization(access_key_id, timestamp, signed_headers, parts["Signature"])


def compute_signature(request: SignedRequest, authorization: Authorization, *, region: str, secret: str) -> str:
    """Return the signature that a request has if it was signed with a secret."""
    query = urlencode(parse_qsl(request.query, keep_blank_values=True), quote_via=quote)
    # The host is not signed as a part of the URL, but as the header `host`, which every request must sign.
    aws_request = AWSRequest(method="POST", url=f"https://host{request.path}?{query}", data=request.body)
    for name, value in request.headers:
        if name in authorization.signed_headers:
            # botocore's headers are a multidict: setting a repeated header appends its value.
            aws_request.headers[name] = value
    aws_request.context["timestamp"] = authorization.timestamp
    signer = _Signer(Credentials(authorization.access_key_id, secret), SERVICE, region)
    return signer.signature(signer.string_to_sign(aws_request, signer.canonical_request(aws_request)), aws_request)


class _Signer(SigV4Auth):
    def headers_to_sign(self, request: AWSRequest) -> Any:
        # botocore's own method leaves out headers that other clients sign, such as user-agent.
        return request.headers


def _parts(authorization: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in authorization.removeprefix(ALGORITHM).split(","))
    parts = {name: value for name, _, value in pairs}
    for part in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(part):
            raise IncompleteSignature(part=part)
    return parts


def _signed_headers(request: SignedRequest, given: str) -> frozenset[str]:
    signed = frozenset(given.lower().split(";"))
    sent = {name for name, _ in request.headers}
    # Without x-amz-date, the header `date` is the date of the signature.
    needed = {"host", "date"} if "x-amz-date" not in sent else {"host"}
    for name in sorted(needed | {name for name in sent - UNSIGNED_HEADERS if name.startswith("x-amz-")}):
        if name not in signed:
            raise HeaderNotSigned(name=name, given=given)
    for name in sorted(signed - sent):
        raise HeaderNotSent(name=name)
    return signed


def _date(request: SignedRequest) -> datetime:
    given = request.header("x-amz-date")
    try:
        if given is None:
            # For the offset -0000, UTC in an unknown timezone, parsedate_to_datetime returns a naive datetime.
            date = parsedate_to_datetime(request.header("date") or "")
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
        date = datetime.strptime(given, TIMESTAMP).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidDate(given=given or request.header("date") or "none") from None
    # strptime accepts fields without leading zeros.
    if date.strftime(TIMESTAMP) != given:
        raise InvalidDate(given=given)
    return date


def _replace_surrogates(text: str) -> str:
    # JSON can contain half of a surrogate pair, which cannot be encoded.
    return text.encode(errors="replace").decode()
