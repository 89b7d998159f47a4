"""
An issuer of tokens on this machine, as an OIDC issuer is over the network: it can be switched off, slow, rotated.

People sign in with it at pages of another origin than its own name, as with Amazon Cognito.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from graph.serving import listening_on
from graph.settings import Oidc
from tests.authorization import Authorization, Person, for_browsers

CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The key of a name; made once a run, since that takes a while."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **more: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


class LocalIssuer:
    """What the issuer publishes and how it answers; tests change it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = [public_jwk(rsa_key("one"), kid="one", use="sig", alg="RS256")]
        self.authorization = Authorization(CLIENT_ID, self.token)
        pages = url.replace("127.0.0.1", "localhost")
        self.discovered: dict[str, Any] = {
            "issuer": url,
            "jwks_uri": f"{url}/keys",
            "authorization_endpoint": f"{pages}/authorize",
            "token_endpoint": f"{pages}/token",
            "end_session_endpoint": f"{pages}/logout",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        self.fetched = 0
        self.discoveries = 0
        self.was_asked = asyncio.Condition()
        self.is_down = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def settings(self, **changed: Any) -> Oidc:
        return Oidc(**{"issuer": self.url, "audience": (CLIENT_ID,)} | changed)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims as in an ID token of Cognito's; those that are None are left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "f1b0b2c4-8e4d-4a86-9a4b-000000000001",
            "token_use": "id",
            "email": "operator@example.com",
            "cognito:username": "operator",
            "cognito:groups": ["OPERATOR"],
            "auth_time": now,
            "iat": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, **changed: Any) -> str:
        """A token of the first key's."""
        return signed(self.claims(**changed), rsa_key("one"), kid="one")

    def next_claims(self, *, email: str = "operator@example.com", lasts_s: int = 3600, **changed: Any) -> None:
        """Say who signs in from now on, what their tokens claim beside the usual, and how long these last."""
        self.authorization.person = Person(email, changed, lasts_s)

    async def answer_keys(self, _request: Request) -> Response:
        async with self.was_asked:
            self.fetched += 1
            self.was_asked.notify_all()
        await self.may_answer.wait()
        return Response(status_code=503) if self.is_down else JSONResponse({"keys": self.keys})

    async def answer_discovery(self, _request: Request) -> Response:
        self.discoveries += 1
        return JSONResponse(self.discovered)


def signed(claims: dict[str, Any], key: Any, *, algorithm: str = "RS256", **header: Any) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return jwt.encode(claims, key, algorithm, headers=header)


@asynccontextmanager
async def local_issuer() -> AsyncIterator[LocalIssuer]:
    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        issuer = LocalIssuer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = Starlette(
            routes=[
                for_browsers("/keys", issuer.answer_keys),
                for_browsers("/.well-known/openid-configuration", issuer.answer_discovery),
                *issuer.authorization.routes(),
            ]
        )
        async with served_on(app, listening):
            yield issuer


@asynccontextmanager
async def served_on(app: Starlette, listening: Any) -> AsyncIterator[None]:
    """Serve an application on a socket until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="on"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
