"""What the environment says, read once."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings by their names in the environment, `VPP_` in front; README.md lists them."""

    model_config = SettingsConfigDict(env_prefix="VPP_")

    host: str = "127.0.0.1"
    port: int = 8000

    # Where the embedded servers keep their data. They start unless a database and a bucket are given.
    data_dir: Path = Path(".vpp")
    database_url: str | None = None
    s3_endpoint_url: str | None = None
    s3_bucket: str | None = None

    bootstrap_api_key: SecretStr | None = None
