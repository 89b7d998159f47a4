"""What the environment says, read once."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    upload_bytes_at_most: int = 5 * 2**30


class Signing(BaseSettings):
    """How signed requests are checked, `VPP_IAM_` in front; seconds."""

    model_config = SettingsConfigDict(env_prefix="VPP_IAM_", frozen=True)

    # How far the clock of who signs may be from ours, either way: as long a request may be sent again. AWS's own.
    clock_skew_s: float = 300


class Pace(BaseSettings):
    """How a worker goes about its jobs, `VPP_WORKER_` in front; seconds, and bytes."""

    model_config = SettingsConfigDict(env_prefix="VPP_WORKER_", frozen=True)

    # A job is another worker's when its own has not been heard of for so long.
    lease_s: float = 10
    # Before a job that went wrong is tried again; the second time it is twice as long, and so on.
    pause_s: float = 1
    # An answer of S3's that stands still for so long counts as broken off.
    s3_read_timeout_s: float = 20
    # How much of a file is checked and kept at a time. Memory follows it.
    chunk_bytes: int = 16 * 2**20
