"""
AWS's Signature Version 4 by hand, sharing nothing with what checks it.

Source: AWS's IAM User Guide, "Create a signed AWS API request".
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import db.access_keys
from db.engine import Database
from tests.api import Api, new_name

CREATE_KEY = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id name } } }"
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signer:
    """An access key, and what it signs for."""

    access_key_id: str
    secret: str
    region: str = "us-east-1"
    service: str = "appsync"

    def authorization(
        self,
        headers: Sequence[tuple[str, str]],
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/graphql",
        query: str = "",
        day: str | None = None,
    ) -> str:
        """Sign a request with its headers, x-amz-date among them, for that day or another."""
        timestamp = dict(headers)["x-amz-date"]
        day = day or timestamp[:8]
        names = sorted({name for name, _ in headers})
        lines = [f"{name}:{','.join(trimmed(value) for each, value in headers if each == name)}" for name in names]
        request = "\n".join([method, path, query, *lines, "", ";".join(names), sha256(body).hexdigest()])
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        to_sign = "\n".join([ALGORITHM, timestamp, scope, sha256(request.encode()).hexdigest()])
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = mac(key, part)
        credential = f"Credential={self.access_key_id}/{scope}"
        return f"{ALGORITHM} {credential}, SignedHeaders={';'.join(names)}, Signature={mac(key, to_sign).hex()}"

    def headers(self, body: bytes, *, host: str, path: str = "/graphql") -> dict[str, str]:
        """Return the headers of a request that is sent now, as Amplify signs it."""
        headers = {"content-type": "application/json; charset=UTF-8", "host": host, "x-amz-date": timestamp()}
        return headers | {"authorization": self.authorization(list(headers.items()), body, path=path)}


@dataclass(frozen=True)
class SigningKey:
    """An API key, and who signs with its access key."""

    id: str
    name: str
    signer: Signer


async def new_signing_key(api: Api, database: Database, **given: Any) -> SigningKey:
    """Create an API key with an access key."""
    key = await api.ask(CREATE_KEY, input={"name": new_name(), "role": "READER"} | given)
    async with database.transaction() as session:
        id, secret = await db.access_keys.create(session, api_key_id=UUID(key["apiKey"]["id"]))
    return SigningKey(key["apiKey"]["id"], key["apiKey"]["name"], Signer(id, secret))


def timestamp(at: datetime | None = None) -> str:
    """Write a time, which is now unless another is given."""
    return (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def trimmed(value: str) -> str:
    return " ".join(value.split())


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), sha256).digest()
