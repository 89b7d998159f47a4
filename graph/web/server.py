"""What serves: the API, and a worker as a process of its own beside it."""

import asyncio
import gc
import os
import resource
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog
import uvicorn
import websockets.http11

import db.migrations
from graph.embedded.infrastructure import Certificate, Infrastructure
from graph.object_store import open_object_store
from graph.operations.documents import Documents
from graph.settings import OidcSettings, StartupError
from graph.web.app import application
from graph.web.connection import HttpProtocol
from graph.web.origins import Pages

STOP_WORKER_S = 10.0
RESTART_WORKER_S = 1.0
KEEP_ALIVE_S = 75

# AppSync's clients put a whole token into one header of a WebSocket's request. The environment could say so too, but
# only to a process that has not yet imported this, as who speaks to us from within ours has.
websockets.http11.MAX_LINE_LENGTH = 64 * 1024

log = structlog.get_logger()


@dataclass(frozen=True)
class Serving:
    """An API that answers, the key it answers to, where it is known, and how a client of ours knows it over TLS."""

    url: str
    api_key: str | None = field(repr=False)
    tls: ssl.SSLContext | None = None


@asynccontextmanager
async def serving(
    infrastructure: Infrastructure,
    *,
    host: str,
    port: int,
    any_port: bool,
    worker: bool,
    certificate: Certificate | None = None,
    pages: Pages | None = None,
    documents: Documents | None = None,
    oidc: OidcSettings | None = None,
) -> AsyncIterator[Serving]:
    """
    Serve the API, with a worker beside it, until the block ends; with a certificate, over TLS alone.

    `any_port` takes a free port where `port` isn't; `pages` are those that may call beside our own; the environment
    names the OIDC issuer unless `oidc` does.
    """
    documents = documents or Documents(introspection=infrastructure.embedded)
    shown, known = (_shown(certificate), _known(certificate)) if certificate else (None, None)
    try:
        await asyncio.to_thread(db.migrations.upgrade, infrastructure.database_url)
    except OSError as fault:
        raise StartupError(f"The database does not answer: {fault}.") from None
    with listening_on(host, port, any_port=any_port) as listening:
        app = application(
            database_url=infrastructure.database_url,
            object_store=infrastructure.object_store,
            bootstrap_api_key=infrastructure.bootstrap_api_key,
            embedded=infrastructure.embedded,
            host=host,
            pages=pages,
            documents=documents,
            oidc=oidc,
        )
        address, port, *_ = listening.getsockname()
        if infrastructure.embedded:
            async with open_object_store(infrastructure.object_store) as store:
                await store.let_in(_origins_of_uploads(pages, port))
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                http=HttpProtocol,
                ws="websockets-sansio",
                ws_max_size=documents.limits.body_bytes,
                # Longer than whatever stands in front keeps its own: it must never send what we have just hung up on.
                timeout_keep_alive=KEEP_ALIVE_S,
                # A message is short, and packing it for each subscriber would take more than sending it.
                ws_per_message_deflate=False,
                lifespan="on",
                ssl_context_factory=(lambda _config, _default: shown) if shown else None,
            )
        )
        tasks = [asyncio.create_task(server.serve(sockets=[listening]))]
        if worker:
            tasks.append(asyncio.create_task(_keep_worker(infrastructure)))
        try:
            while not server.started:
                if tasks[0].done():
                    tasks[0].result()
                    raise RuntimeError("The API did not start; its log says why.")
                await asyncio.sleep(0.01)
            at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            yield Serving(
                url=f"{'https' if shown else 'http'}://{at}", api_key=infrastructure.bootstrap_api_key, tls=known
            )
        finally:
            server.should_exit = True
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _origins_of_uploads(pages: Pages | None, port: int) -> list[str]:
    """
    Name the origins whose pages may put a file to where a link leads: those that may call us, and our own.

    It takes no patterns but *, which is safe: a page without a link is refused whatever its origin.
    """
    if pages is None:
        return ["*"]
    own = [f"{scheme}://{name}:{port}" for scheme in ("http", "https") for name in ("localhost", "127.0.0.1", "[::1]")]
    return [*pages.origins, *own]


def _shown(certificate: Certificate) -> ssl.SSLContext:
    """Make the context in which a certificate is shown to clients."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for file in (certificate.file, certificate.key_file):
        try:
            file.read_bytes()
        except OSError as fault:
            raise StartupError(f"{file} cannot be read: {fault.strerror}.") from None
    try:
        # Without a password a locked key is refused; otherwise it would be asked for at the terminal.
        context.load_cert_chain(certificate.file, certificate.key_file, password="")
    except ssl.SSLError:
        message = f"{certificate.file} and {certificate.key_file} are not a certificate and its unlocked key, in PEM."
        raise StartupError(message) from None
    return context


def _known(certificate: Certificate) -> ssl.SSLContext:
    """Make the context in which a client of ours knows us: by what is in our own file, whatever names that bears."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate.file)
    return context


def collect_seldom() -> None:
    """
    Let Python's collector of cycles pass over all that is there by now, and come seldom.

    With thousands of sockets it stops everything for a tenth of a second each time it comes, and finds next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def let_many_connect() -> None:
    """Let this process hold as many sockets as it may; most systems begin with a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are ours: more than the API has to be stopped, and in order.
        yield


async def _keep_worker(infrastructure: Infrastructure) -> None:
    """Run a worker beside us, and another when it dies; it stops when we do, or vanish."""
    while True:
        # The worker reads its standard input for nothing but its end, which comes even when we are killed.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graph", "work", "--until-stdin-ends"),
            env=os.environ | _environment(infrastructure),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WORKER_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            raise
        log.warning("The worker ended; starting another", status=status)
        await asyncio.sleep(RESTART_WORKER_S)


def _environment(infrastructure: Infrastructure) -> dict[str, str]:
    store = infrastructure.object_store
    given = {
        "VPP_DATABASE_URL": infrastructure.database_url,
        "VPP_S3_BUCKET": store.bucket,
        "VPP_S3_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": store.access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.secret_access_key,
        "AWS_REGION": store.region,
        "AWS_DEFAULT_REGION": store.region,
    }
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def listening_on(host: str, port: int, *, any_port: bool) -> Iterator[socket.socket]:
    """Listen on an address until the block ends; on a free port where `any_port` says so and the given one isn't."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError:
        if not any_port:
            message = f"Something else listens on {host}:{port}; choose another port with --port or VPP_PORT."
            raise StartupError(message) from None
        listening = socket.create_server((host, 0), family=family)
    # Looked at again, it knows that it is of TCP. Only then asyncio sends at once what is written: otherwise the body
    # of an answer waits until its head was acknowledged, which clients put off for 40 ms.
    with socket.socket(fileno=listening.detach()) as of_tcp:
        yield of_tcp
