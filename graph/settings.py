"""Settings that are read once, at the start, from environment variables."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# The default and the maximum of the argument `limit` of a list: the number of items in a page.
DEFAULT_PAGE_LIMIT = 50
MAX_PAGE_LIMIT = 200

# Public-key signatures alone. With an HMAC algorithm the key that checks a token can also sign one.
PUBLIC_KEY_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)


def is_safe_to_fetch(url: str) -> bool:
    """
    Return whether a URL is https, or http on localhost or a loopback address.

    Signing keys that are fetched over plain http from another machine could be replaced on the way.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "https":
            return bool(parts.hostname)
        return parts.scheme == "http" and (
            parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


def _split_list(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _require_safe_url(url: str) -> str:
    if not is_safe_to_fetch(url):
        raise ValueError("expected an https URL, or an http URL of this machine")
    return url


# In the environment, items are separated by commas or spaces. NoDecode keeps pydantic-settings from reading JSON.
StringList: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
SafeUrl: TypeAlias = Annotated[str, AfterValidator(_require_safe_url)]


def describe_invalid_settings(error: ValidationError) -> str:
    """Return a sentence for each invalid setting, with its variable's name and without its value, a possible secret."""
    sentences = [
        f"{error.title}{str(detail['loc'][0]).upper()}: {detail['msg']}." if detail["loc"] else f"{detail['msg']}."
        for detail in error.errors(include_input=False)
    ]
    return "\n".join(sentence.replace("Value error, ", "") for sentence in sentences)


class StartupError(Exception):
    """A command cannot start; the message is meant for the person who ran it."""


# Every field has a description in whole sentences: the effect of the setting, its unit, and the reason for its default.
# `title` is the prefix of the variables' names, for describe_invalid_settings.


class Settings(BaseSettings):
    """General settings. The prefix of their environment variables is `VPP_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_", title="VPP_")

    host: str = Field(
        "127.0.0.1",
        description="The address that `vpp serve` listens on. By default only this machine can connect; the Docker "
        "image sets 0.0.0.0.",
    )
    port: int = Field(
        8000,
        description="The TCP port that `vpp serve` listens on. If neither this variable nor --port is given and "
        "port 8000 is in use, a free port is chosen.",
    )
    tls_certificate: Path | None = Field(
        None,
        description="The path of a certificate chain in PEM format, to serve https with. It needs VPP_TLS_KEY. "
        "By default `vpp serve` serves http, as it does behind a proxy that terminates TLS.",
    )
    tls_key: Path | None = Field(
        None,
        description="The path of the certificate's private key in PEM format. It needs VPP_TLS_CERTIFICATE.",
    )

    data_dir: Path = Field(
        Path(".vpp"),
        description="The folder for the data of the embedded Postgres and S3 and for the certificate of `--tls`. "
        "The default is in the working directory.",
    )
    database_url: str | None = Field(
        None,
        description="The URL of the Postgres database, such as postgresql://user:password@host:5432/name. "
        "It needs VPP_S3_BUCKET. By default an embedded Postgres is started.",
    )
    s3_endpoint_url: str | None = Field(
        None,
        description="The URL of an S3-compatible object store. By default it is AWS's own S3, with the region and "
        "the credentials of AWS's standard environment variables, files and roles.",
    )
    s3_bucket: str | None = Field(
        None,
        description="The name of the S3 bucket for uploaded files and reports. It needs VPP_DATABASE_URL. "
        "By default an embedded object store is started.",
    )
    s3_sync_folder: Path | None = Field(
        None,
        description="The data folder of an S3 server on this machine that responds before its files are on the disk: "
        "they are synced before a report is READY or an import starts. The worker beside embedded servers gets it.",
    )

    bootstrap_api_key: SecretStr | None = Field(
        None,
        description="An API key with the role ADMIN that is not stored in the database, for creating the first keys. "
        "By default there is none; with embedded servers one is generated in VPP_DATA_DIR.",
    )

    cors_origins: str | None = Field(
        None,
        description="The origins whose pages may call the API from a browser, separated by commas, such as "
        "https://app.example.com, or * for all. By default only the API's own pages may, and with embedded servers "
        "also pages of this machine.",
    )
    max_upload_bytes: int = Field(
        5 * 2**30,
        description="The size in bytes of the largest file that `startImport` accepts. The default is 5 GiB, the most "
        "that S3 accepts in one PUT.",
    )
    introspection: bool | None = Field(
        None,
        description="Whether clients may query the GraphQL schema. By default they may only with embedded servers, "
        "as in development.",
    )


class DatabaseSettings(BaseSettings):
    """Settings of the connections to Postgres. The prefix of their environment variables is `VPP_DATABASE_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_DATABASE_", title="VPP_DATABASE_", frozen=True)

    # Two API processes and two workers open up to 88 connections: 2 * (10 + 10 + 10 + 1) + 2 * (12 + 1). The additional
    # connection of each process listens for change notices, or takes jobs.
    pool_size: int = Field(
        10,
        ge=1,
        description="The maximum number of connections to Postgres that one API process opens for transactions. With "
        "the defaults, two API processes and two workers open at most 88 connections together, below Postgres's "
        "default of 100.",
    )
    read_pool_size: int = Field(
        10,
        ge=1,
        description="The maximum number of connections to Postgres that one API process opens for queries, in "
        "addition to those for transactions. With more than 10 connections, statements mostly waited for each other "
        "inside Postgres.",
    )
    write_pool_size: int = Field(
        10,
        ge=1,
        description="The maximum number of connections to Postgres that one API process opens for mutations that are "
        "a single statement, in addition to the other two pools.",
    )
    worker_pool_size: int = Field(
        12,
        ge=1,
        description="The maximum number of connections to Postgres that one worker opens, besides the one for its "
        "jobs. A worker runs up to 10 imports and 20 other jobs concurrently; jobs beyond this number wait for a "
        "connection.",
    )


class IamSettings(BaseSettings):
    """Settings of AWS_IAM request signatures. The prefix of their environment variables is `VPP_IAM_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_IAM_", title="VPP_IAM_", frozen=True)

    clock_skew_s: float = Field(
        300,
        description="The largest accepted difference in seconds between a signed request's date and the server's "
        "clock, in either direction. A request can be replayed until its date is older than this. The default is "
        "AWS's own limit.",
    )


class WorkerSettings(BaseSettings):
    """Settings of a worker. The prefix of their environment variables is `VPP_WORKER_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_WORKER_", title="VPP_WORKER_", frozen=True)

    lease_s: float = Field(
        10,
        description="The number of seconds that a worker's lease on a job lasts without a heartbeat; then another "
        "worker takes the job over. A shorter lease recovers sooner from a killed worker.",
    )
    retry_pause_s: float = Field(
        1,
        description="The base, in seconds, of the exponential backoff of failed jobs: after n failed attempts a job "
        "is tried again in this number times 2^n seconds, at most 30. A worker that has lost its connection to "
        "Postgres reconnects after this number of seconds.",
    )
    s3_read_timeout_s: float = Field(
        20,
        description="The read timeout of responses from S3, in seconds; after it, the rest of the response is "
        "requested again.",
    )
    chunk_bytes: int = Field(
        16 * 2**20,
        description="The size of a chunk in bytes: a worker checks and stores a file chunk by chunk, with a "
        "checkpoint after each. Memory grows with it. The default of 16 MiB imported 5,000,000 rows 1.1 s faster than "
        "8 MiB.",
    )


class OidcSettings(BaseSettings):
    """Settings of the OpenID Connect issuer. The prefix of their environment variables is `VPP_OIDC_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_OIDC_", title="VPP_OIDC_", env_ignore_empty=True, frozen=True)

    issuer: str | None = Field(
        None,
        description="The issuer whose tokens are accepted, exactly as their claim `iss` names it; for an Amazon "
        "Cognito user pool https://cognito-idp.REGION.amazonaws.com/POOL. By default no issuer is trusted.",
    )
    jwks_url: SafeUrl | None = Field(
        None,
        description="The URL of the issuer's JSON Web Key Set: https, or http on this machine. By default it is the "
        "`jwks_uri` of the issuer's /.well-known/openid-configuration.",
    )
    audience: StringList = Field(
        (),
        description="The accepted audiences, separated by commas; for Cognito, the ids of the app clients. A token "
        "must name one of them in `aud` or, if that claim is missing, in `client_id`. It is required with an issuer: "
        "otherwise tokens for other applications would be accepted.",
    )
    algorithms: StringList = Field(
        ("RS256", "ES256"),
        description="The signature algorithms that are accepted, separated by commas; only public-key algorithms may "
        "be named. The defaults are RS256, which Cognito uses, and ES256.",
    )
    leeway_s: float = Field(
        30,
        ge=0,
        le=600,
        description="The largest accepted difference in seconds between the issuer's clock and the server's, at most "
        "600. A token is accepted that long before its `nbf` and after its `exp`.",
    )
    max_jwks_age_s: float = Field(
        24 * 3600,
        gt=0,
        description="The maximum age in seconds of the issuer's cached keys. Keys are refreshed every hour; by "
        "default tokens are accepted while the issuer cannot be reached for a day.",
    )

    client_id: str | None = Field(
        None,
        description="The client id with which the console signs people in. The default is the first audience.",
    )
    scope: str = Field(
        "openid email",
        description="The scopes that the console requests at sign-in, separated by spaces. The default requests the "
        "email address, the first of VPP_OIDC_NAME_CLAIMS.",
    )

    roles_claim: str = Field(
        "cognito:groups",
        description="The claim that lists a caller's groups. The default is Cognito's.",
    )
    roles: dict[str, Literal["MEMBER", "READER", "OPERATOR", "ADMIN"]] | None = Field(
        None,
        description='The role of each group, as a JSON object such as {"staff": "OPERATOR"}. By default a group\'s '
        "name, in any case, is its role.",
    )
    vpp_ids_claim: str = Field(
        "custom:vpp_ids",
        description="The claim that lists the VPPs to which a READER or OPERATOR is restricted. A caller without the "
        "claim is not restricted. Cognito starts the names of its own attributes with custom:.",
    )
    site_ids_claim: str = Field(
        "custom:site_ids",
        description="The claim that lists the sites that a MEMBER may see. A MEMBER without the claim sees none.",
    )
    name_claims: StringList = Field(
        ("email", "username", "cognito:username", "sub"),
        description="The claims with the caller's name for the audit trail, separated by commas; the first claim "
        "present in the token is used. The defaults cover Cognito's id tokens and access tokens.",
    )

    @model_validator(mode="after")
    def _check_combination(self) -> "OidcSettings":
        if self.issuer is None and self.model_fields_set:
            raise ValueError("VPP_OIDC_ISSUER is missing: the other VPP_OIDC_ settings need it")
        if self.issuer is not None and not self.audience:
            raise ValueError(
                "VPP_OIDC_AUDIENCE is missing: without it, tokens for other applications would be accepted"
            )
        if self.issuer is not None and self.jwks_url is None and not is_safe_to_fetch(self.issuer):
            raise ValueError("VPP_OIDC_ISSUER: expected an https URL, unless VPP_OIDC_JWKS_URL is given")
        for algorithm in self.algorithms or ("",):
            if algorithm not in PUBLIC_KEY_ALGORITHMS:
                expected = ", ".join(PUBLIC_KEY_ALGORITHMS)
                raise ValueError(f"VPP_OIDC_ALGORITHMS contains {algorithm!r}; expected one or more of {expected}")
        return self


class OwnTokenSettings(BaseSettings):
    """Settings of the tokens issued for API keys. The prefix of their environment variables is `VPP_TOKEN_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_TOKEN_", title="VPP_TOKEN_", env_ignore_empty=True, frozen=True)

    issuer: str = Field(
        "urn:vpp",
        min_length=1,
        description="The claim `iss` of the tokens that /oauth/token issues. Give each deployment its own name, so "
        "that it rejects the tokens of another.",
    )
    lifetime_s: int = Field(
        900,
        ge=1,
        le=24 * 3600,
        description="The number of seconds after which a token expires, at most a day. After `vpp key rotate` the "
        "previous signing key remains valid for this long. Tokens of a revoked API key become invalid immediately.",
    )


class Limits(BaseSettings):
    """Limits on the use of the API. The prefix of their environment variables is `VPP_LIMIT_`."""

    model_config = SettingsConfigDict(env_prefix="VPP_LIMIT_", title="VPP_LIMIT_", frozen=True)

    document_tokens: int = Field(
        10_000,
        description="The largest number of lexical tokens in a GraphQL document. Validating a document of the default "
        "size can keep a process busy for a second.",
    )
    depth: int = Field(
        15,
        description="The greatest depth of nested fields in an operation. Introspection counts as one level.",
    )
    aliases: int = Field(
        200,
        description="The largest number of aliases in an operation.",
    )
    root_fields: int = Field(
        100,
        description="The largest number of root fields in an operation.",
    )
    cost: int = Field(
        12_000,
        description="The highest cost of an operation: 1 for each object, and for a page its limit times the cost of "
        "an item. One unit takes about 200 microseconds, so the costliest operation can keep a process busy for two "
        "seconds.",
    )
    body_bytes: int = Field(
        2**20,
        description="The size in bytes of the largest request body, before and after decompression, and of the "
        "largest WebSocket message.",
    )

    caller_requests_per_minute: int = Field(
        60_000,
        description="The number of requests per minute that one API key or token may make; 0 means no limit.",
    )
    address_requests_per_minute: int = Field(
        120_000,
        description="The number of requests per minute that may come from one IP address, or from one /64 network in "
        "IPv6; 0 means no limit. They are counted before the caller is authenticated.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="The URL of a Redis, such as redis://127.0.0.1:6379/0, in which all processes count requests "
        "together. By default each process counts its own.",
    )

    concurrent_operations: int = Field(
        64,
        description="The number of queries and mutations that a process runs at the same time, over all protocols.",
    )
    queued_operations: int = Field(
        256,
        description="The number of queries and mutations that may wait in a process; further ones receive HTTP 503 "
        "immediately.",
    )
    queue_timeout_s: float = Field(
        10,
        description="The number of seconds that an operation waits in the queue before it receives HTTP 503.",
    )
    subscriptions: int = Field(
        10_000,
        description="The number of subscriptions that one caller may have open in a process, over all protocols; 0 "
        "means no limit. One WebSocket carries at most 100 of them.",
    )
    statement_timeout_s: float = Field(
        30,
        description="The number of seconds after which Postgres cancels a statement of the API; 0 means no limit. "
        "Behind a PgBouncer whose `ignore_startup_parameters` is not set, it must be 0.",
    )
