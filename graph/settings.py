"""What the environment says, read once."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# Rows in a page of a list: unless `limit` is given, and at most.
DEFAULT_PAGE_LIMIT = 50
MAX_PAGE_LIMIT = 200

# Those with which an issuer signs what anyone can check. With any other, who can check a token can make one.
SIGNED_BY_ISSUER = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)


def is_safe_to_fetch(url: str) -> bool:
    """Tell whether an address is one of https, or of this machine: keys from any other could be anyone's."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and (
            parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


def _several(given: object) -> object:
    return tuple(given.replace(",", " ").split()) if isinstance(given, str) else given


def _safe(url: str) -> str:
    if not is_safe_to_fetch(url):
        raise ValueError("expected an address of https, or of this machine")
    return url


# In the environment with commas or spaces in between.
Several: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_several)]
SafeUrl: TypeAlias = Annotated[str, AfterValidator(_safe)]


def describe_invalid_settings(fault: ValidationError) -> str:
    """Say which settings cannot be meant, without what they hold."""
    told = [
        f"{fault.title}{str(error['loc'][0]).upper()}: {error['msg']}." if error["loc"] else f"{error['msg']}."
        for error in fault.errors(include_input=False)
    ]
    return "\n".join(each.replace("Value error, ", "") for each in told)


class StartupError(Exception):
    """Why a command cannot start, worded for the person who ran it."""


class Settings(BaseSettings):
    """Settings by their names in the environment, `VPP_` in front; README.md lists them."""

    model_config = SettingsConfigDict(env_prefix="VPP_")

    host: str = "127.0.0.1"
    port: int = 8000
    # With both, https is served.
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    # Where the embedded servers keep their data. They start unless a database and a bucket are given.
    data_dir: Path = Path(".vpp")
    database_url: str | None = None
    s3_endpoint_url: str | None = None
    s3_bucket: str | None = None

    bootstrap_api_key: SecretStr | None = None

    # Origins with commas between, or *: whose pages may call the API from a browser, beside its own.
    cors_origins: str | None = None
    # S3 itself takes no more in one PUT, 5 GiB.
    max_upload_bytes: int = 5 * 2**30
    # Whether the schema may be asked for; unless it is set, only where the servers are embedded.
    introspection: bool | None = None


class IamSettings(BaseSettings):
    """How signed requests are checked, `VPP_IAM_` in front; seconds."""

    model_config = SettingsConfigDict(env_prefix="VPP_IAM_", frozen=True)

    # How far the clock of who signs may be from ours, either way: as long a request may be sent again. AWS's own.
    clock_skew_s: float = 300


class WorkerSettings(BaseSettings):
    """How a worker goes about its jobs, `VPP_WORKER_` in front; seconds, and bytes."""

    model_config = SettingsConfigDict(env_prefix="VPP_WORKER_", frozen=True)

    # A job is another worker's when its own has not been heard of for so long.
    lease_s: float = 10
    # Before a job that went wrong is tried again; the second time it is twice as long, and so on.
    retry_pause_s: float = 1
    # An answer of S3's that stands still for so long counts as broken off.
    s3_read_timeout_s: float = 20
    # How much of a file is checked and kept at a time. Memory follows it.
    chunk_bytes: int = 16 * 2**20


class OidcSettings(BaseSettings):
    """Whose tokens are taken beside our own, and what is read in them, `VPP_OIDC_` in front."""

    model_config = SettingsConfigDict(env_prefix="VPP_OIDC_", title="VPP_OIDC_", env_ignore_empty=True, frozen=True)

    # As tokens name it; of an Amazon Cognito user pool https://cognito-idp.REGION.amazonaws.com/POOL.
    issuer: str | None = None
    # Unless it is given, the issuer tells where its keys are, at /.well-known/openid-configuration.
    jwks_url: SafeUrl | None = None
    # Of Cognito's tokens, the ids of the app clients they are issued to.
    audience: Several = ()
    algorithms: Several = ("RS256", "ES256")
    # By how much clocks may differ.
    leeway_s: float = Field(30, ge=0, le=600)
    # For how long the keys that were fetched last are good when none can be fetched.
    max_jwks_age_s: float = Field(24 * 3600, gt=0)

    # By which the console signs people in: its client at the issuer, the first audience unless it is given.
    client_id: str | None = None
    scope: str = "openid email"

    # Where the caller's groups stand, and which role each has: unless it is said, they are named as the roles are.
    roles_claim: str = "cognito:groups"
    roles: dict[str, Literal["MEMBER", "READER", "OPERATOR", "ADMIN"]] | None = None
    vpp_ids_claim: str = "custom:vpp_ids"
    site_ids_claim: str = "custom:site_ids"
    name_claims: Several = ("email", "username", "cognito:username", "sub")

    @model_validator(mode="after")
    def _can_be_meant(self) -> "OidcSettings":
        if self.issuer is None and self.model_fields_set:
            raise ValueError("VPP_OIDC_ISSUER is missing: without it, the other settings mean nothing")
        if self.issuer is not None and not self.audience:
            raise ValueError("VPP_OIDC_AUDIENCE is missing: without it, tokens for anyone else would be taken")
        if self.issuer is not None and self.jwks_url is None and not is_safe_to_fetch(self.issuer):
            raise ValueError("VPP_OIDC_ISSUER is expected to be an address of https, unless VPP_OIDC_JWKS_URL is given")
        for algorithm in self.algorithms or ("",):
            if algorithm not in SIGNED_BY_ISSUER:
                expected = ", ".join(SIGNED_BY_ISSUER)
                raise ValueError(f"VPP_OIDC_ALGORITHMS holds {algorithm!r}; expected some of {expected}")
        return self


class OwnTokenSettings(BaseSettings):
    """The tokens that are given for API keys, `VPP_TOKEN_` in front."""

    model_config = SettingsConfigDict(env_prefix="VPP_TOKEN_", title="VPP_TOKEN_", env_ignore_empty=True, frozen=True)

    issuer: str = Field("urn:vpp", min_length=1)
    # A key that was rotated is good for so long.
    lifetime_s: int = Field(900, ge=1, le=24 * 3600)


class Limits(BaseSettings):
    """How much may be asked of the API, `VPP_LIMIT_` in front."""

    model_config = SettingsConfigDict(env_prefix="VPP_LIMIT_", frozen=True)

    # Of one operation. Validating as many tokens as this may keep a process busy for a second.
    document_tokens: int = 10_000
    depth: int = 15
    aliases: int = 200
    root_fields: int = 100
    # Some 200 microseconds each: a request of the most may keep a process busy for two seconds.
    cost: int = 12_000
    # Of a request's body, before and after unpacking, and of a WebSocket's message.
    body_bytes: int = 2**20

    # A minute: from one caller, and from one address, which is counted before it is known who calls. 0 is no limit.
    caller_requests_per_minute: int = 60_000
    address_requests_per_minute: int = 120_000
    # Where processes count together, such as redis://127.0.0.1:6379/0; otherwise each counts its own.
    redis_url: SecretStr | None = None

    # Over HTTP at once, in each process; how many more may wait for their turn, and for how long.
    concurrent_operations: int = 64
    queued_operations: int = 256
    queue_timeout_s: float = 10
    # How long one statement may keep the database busy.
    statement_timeout_s: float = 30
