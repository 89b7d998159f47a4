"""The infrastructure that the API and workers need: Postgres and S3, external or embedded."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError

import db.api_keys
from graph.object_store import ObjectStoreAddress
from graph.settings import Settings, StartupError

# A host name, an IPv4 address, an IPv6 address in brackets, or nothing for a Unix socket named in the query; with or
# without a port.
HOST = re.compile(r"([^:\[\]]*|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Infrastructure:
    """The addresses of the database and the object store, and the API key that is not stored in the database."""

    database_url: str = field(repr=False)
    object_store: ObjectStoreAddress
    bootstrap_api_key: str | None = field(repr=False)
    embedded: bool


class DataDirInUse(StartupError):
    """Another process runs embedded servers in this data folder."""

    def __init__(self, message: str, running: Infrastructure | None) -> None:
        super().__init__(message)
        # The servers of that process; None until all of them are ready.
        self.running = running


@asynccontextmanager
async def open_infrastructure(settings: Settings) -> AsyncIterator[Infrastructure]:
    """
    Yield the servers that the settings name; if they name none, run embedded servers until the block ends.

    Raises StartupError, and DataDirInUse if another process runs the embedded servers of this data folder.
    """
    key = settings.bootstrap_api_key.get_secret_value() if settings.bootstrap_api_key else None
    if settings.database_url and settings.s3_bucket:
        named_store = ObjectStoreAddress(
            settings.s3_bucket,
            endpoint_url=settings.s3_endpoint_url,
            max_upload_bytes=settings.max_upload_bytes,
            sync_folder=settings.s3_sync_folder,
        )
        yield Infrastructure(_validated(settings.database_url), named_store, key, embedded=False)
        return
    if settings.database_url or settings.s3_bucket:
        raise StartupError(
            "Only one of VPP_DATABASE_URL and VPP_S3_BUCKET is set: set both, or neither to run embedded servers."
        )

    try:
        # The extra `embedded` is not installed in the Docker image.
        from graph.embedded.postgres import running_postgres_url
        from graph.embedded.process import ServerFailed
        from graph.embedded.seaweedfs import running_seaweedfs_address
        from graph.embedded.servers import DataDirLocked, embedded_servers
    except ImportError:
        message = "Embedded servers are not installed: pip install 'vpp[embedded]', or set VPP_DATABASE_URL."
        raise StartupError(message) from None
    try:
        async with embedded_servers(settings.data_dir) as servers:
            own_key = key or _stored_api_key(settings.data_dir / "api_key")
            store = replace(servers.object_store, max_upload_bytes=settings.max_upload_bytes)
            yield Infrastructure(servers.database_url, store, own_key, embedded=True)
    except DataDirLocked as error:
        folder = settings.data_dir.absolute()
        url, address = running_postgres_url(folder), running_seaweedfs_address(folder)
        running = Infrastructure(url, address, None, embedded=True) if url and address else None
        raise DataDirInUse(str(error), running) from error
    except ServerFailed as error:
        raise StartupError(str(error)) from error


@asynccontextmanager
async def open_or_join_infrastructure(settings: Settings) -> AsyncIterator[Infrastructure]:
    """
    Yield the servers that the settings name or embedded servers, as `open_infrastructure` does.

    If another process already runs the embedded servers of this data folder, they are used.
    """
    async with AsyncExitStack() as stack:
        try:
            infrastructure = await stack.enter_async_context(open_infrastructure(settings))
        except DataDirInUse as error:
            if error.running is None:
                raise StartupError(
                    f"Another process uses the data folder {settings.data_dir.absolute()} and its servers are not "
                    "running yet: try again in a moment, or stop that process."
                ) from None
            infrastructure = error.running
        yield infrastructure


async def upgrade_database(url: str) -> None:
    """Migrate the database to this code's revision. Raises StartupError if it accepts no connection."""
    import db.migrations  # Workers need no Alembic.

    with database_errors():
        await asyncio.to_thread(db.migrations.upgrade, url)


@contextmanager
def database_errors() -> Iterator[None]:
    """Raise StartupError in place of the errors of a database that cannot be reached, or refuses the connection."""
    try:
        yield
    except OSError as error:
        raise StartupError(f"The database does not answer: {error}.") from None
    except (asyncpg.PostgresError, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise StartupError(f"The database refuses the connection: {reason}.") from None


@dataclass(frozen=True)
class Certificate:
    """The files of a TLS certificate. `authority_file` is set if clients must first be configured to trust it."""

    file: Path
    key_file: Path
    authority_file: Path | None = None
    is_new: bool = False


def own_certificate(data_dir: Path, *, host: str) -> Certificate:
    """
    Return the certificate of this machine for a host, created if there is no usable one.

    Raises StartupError if the extra `embedded` is not installed or no certificate can have the host's name.
    """
    try:
        from graph.embedded.certificates import AUTHORITY, SERVER, InvalidCertificateName, ensure_certificate
    except ImportError:
        message = (
            "--tls needs the extra 'embedded': pip install 'vpp[embedded]', or give --tls-certificate and --tls-key."
        )
        raise StartupError(message) from None
    folder = data_dir.absolute() / "tls"
    try:
        is_new = ensure_certificate(folder, host=host, now=datetime.now(UTC))
    except InvalidCertificateName:
        raise StartupError(f"{host} is not a valid name for a certificate: choose another with --host.") from None
    return Certificate(folder / SERVER, folder / SERVER, authority_file=folder / AUTHORITY, is_new=is_new)


def _validated(database_url: str) -> str:
    """
    Return a URL of Postgres unchanged. Raises StartupError if it is malformed.

    asyncpg's own error messages for a malformed URL can contain a part of the password.
    """
    hosts = urlsplit(database_url).netloc.rpartition("@")[2].split(",")
    if not database_url.startswith(("postgresql://", "postgres://")) or not all(map(HOST.fullmatch, hosts)):
        raise StartupError(
            "VPP_DATABASE_URL is not a valid URL; expected one such as postgresql://user:password@host:5432/name. "
            "In a password, write / as %2F, @ as %40, and : as %3A."
        )
    return database_url


def _stored_api_key(path: Path) -> str:
    """Return the API key in a file, created on the first start with embedded servers."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    key, new = db.api_keys.new_secret(), path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(key + "\n", encoding="ascii")
    new.replace(path)
    return key
