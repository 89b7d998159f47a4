"""Serves the API over HTTP, and runs a worker as a child process."""

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
from starlette.applications import Starlette

from graph.embedded.infrastructure import Certificate, Infrastructure, upgrade_database
from graph.object_store import open_object_store
from graph.operations.documents import Documents
from graph.protocols.websocket import SocketTimeouts
from graph.settings import OidcSettings, StartupError
from graph.web.app import application
from graph.web.connection import HttpProtocol
from graph.web.origins import Pages

# After SIGTERM a worker has this long to reach its next checkpoint; then it is killed.
WORKER_STOP_TIMEOUT_S = 10.0
WORKER_RESTART_DELAY_S = 1.0
# The keep-alive timeout is longer than the idle timeout of proxies (60 s for an AWS load balancer): a proxy must close
# an idle connection first, or it sends a request on a connection that the server has just closed.
KEEP_ALIVE_TIMEOUT_S = 75

# AppSync's clients put a whole JWT into one header of the WebSocket handshake. websockets reads the environment
# variable for this limit at import, which is too late in a process that has imported it already.
websockets.http11.MAX_LINE_LENGTH = 64 * 1024

log = structlog.get_logger()


@dataclass(frozen=True)
class Serving:
    """A running API: its address, its bootstrap API key if any, and the TLS context for clients on this machine."""

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
    timeouts: SocketTimeouts | None = None,
) -> AsyncIterator[Serving]:
    """
    Serve the API, with a worker if `worker` is set, until the block ends; with a certificate, over TLS only.

    With `any_port`, a free port is used if `port` is taken. The API's own pages and `pages` may call it from browsers.
    `oidc` and `timeouts` replace the settings of the environment and the defaults. If the server or the worker ends
    before the block, the block is cancelled, and StartupError states the reason.
    """
    documents = documents or Documents(introspection=infrastructure.embedded)
    server_tls, client_tls = (_server_tls(certificate), _client_tls(certificate)) if certificate else (None, None)
    await upgrade_database(infrastructure.database_url)
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
            timeouts=timeouts,
        )
        address, port, *_ = listening.getsockname()
        if infrastructure.embedded:
            async with open_object_store(infrastructure.object_store) as store:
                await store.set_cors_origins(_upload_origins(pages, port))
        server = _Server(
            app,
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                http=HttpProtocol,
                ws="websockets-sansio",
                ws_max_size=documents.limits.body_bytes,
                timeout_keep_alive=KEEP_ALIVE_TIMEOUT_S,
                # Messages are short: compressing one for each subscriber takes longer than sending it.
                ws_per_message_deflate=False,
                lifespan="on",
                ssl_context_factory=(lambda _config, _default: server_tls) if server_tls else None,
            ),
        )
        api = asyncio.create_task(_serve(server, listening))
        workers = [asyncio.create_task(_keep_worker(infrastructure))] if worker else []
        try:
            async with _cancelled_when_ended(api, *workers):
                await server.has_started.wait()
                authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
                url = f"{'https' if server_tls else 'http'}://{authority}"
                yield Serving(url=url, api_key=infrastructure.bootstrap_api_key, tls=client_tls)
        finally:
            server.should_exit = True
            for task in workers:
                task.cancel()
            await asyncio.gather(api, *workers, return_exceptions=True)


@asynccontextmanager
async def _cancelled_when_ended(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """
    Cancel the block if one of the tasks ends before it, and raise the error of that task.

    (A TaskGroup would cancel the other tasks too, but the server must be stopped by its own flag, so that it completes
    its requests.)
    """
    block = asyncio.current_task()
    assert block is not None  # noqa: S101
    ended: list[asyncio.Task[None]] = []

    def cancel_block(task: asyncio.Task[None]) -> None:
        if not ended:
            ended.append(task)
            block.cancel()

    for task in tasks:
        task.add_done_callback(cancel_block)
    try:
        yield
    except asyncio.CancelledError:
        if not ended:
            raise
    finally:
        for task in tasks:
            task.remove_done_callback(cancel_block)
    if ended:
        block.uncancel()
        ended[0].result()


async def _serve(server: "_Server", listening: socket.socket) -> None:
    await server.serve(sockets=[listening])
    if not server.started:
        raise StartupError("The API did not start; see its log for the reason.")
    if not server.should_exit:
        raise StartupError("The API server ended unexpectedly; see its log for the reason.")


def _upload_origins(pages: Pages | None, port: int) -> list[str]:
    """
    Return the origins whose pages may PUT a file to a presigned link: those that may call the API, and its own.

    S3's CORS rules have no pattern for "any port of this machine" except *, which is safe: without a presigned link,
    pages of every origin are refused.
    """
    if pages is None:
        return ["*"]
    own = [f"{scheme}://{name}:{port}" for scheme in ("http", "https") for name in ("localhost", "127.0.0.1", "[::1]")]
    return [*pages.origins, *own]


def _server_tls(certificate: Certificate) -> ssl.SSLContext:
    """Return the TLS context of the server. Raises StartupError if the certificate cannot be used."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for file in (certificate.file, certificate.key_file):
        try:
            file.read_bytes()
        except OSError as fault:
            raise StartupError(f"{file} cannot be read: {fault.strerror}.") from None
    try:
        # An empty password makes OpenSSL refuse an encrypted key. Without a password it would prompt at the terminal.
        context.load_cert_chain(certificate.file, certificate.key_file, password="")
    except ssl.SSLError:
        message = (
            f"{certificate.file} and {certificate.key_file} are not a certificate and its private key:"
            " expected PEM files, the key without a passphrase."
        )
        raise StartupError(message) from None
    return context


def _client_tls(certificate: Certificate) -> ssl.SSLContext:
    """Return the TLS context of clients on this machine: it trusts only this certificate, and accepts any host name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate.file)
    return context


def tune_garbage_collector() -> None:
    """
    Exclude the objects that exist now from Python's cyclic garbage collector, and let it run less often.

    With thousands of sockets a full collection stops the process for 0.1 s and frees almost nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def raise_open_files_limit() -> None:
    """Raise the soft limit on open files, which is 1,024 on most systems, to the hard limit: each socket is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets)
        if self.started:
            self.has_started.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, which last up to a day; then complete all other requests."""
        self._app.state.endpoint.end_event_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # graph.commands handles signals: the worker and the embedded servers must be stopped too, in order.
        yield


async def _keep_worker(infrastructure: Infrastructure) -> None:
    """Run a worker process, and start another when it ends. Raises StartupError if none can be started."""
    while True:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "graph", "work", "--until-stdin-ends"),
                env=os.environ | _environment(infrastructure),
                # The worker stops when its standard input ends, which happens even if this process is killed.
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as fault:
            raise StartupError(f"The worker process cannot be started: {fault}.") from fault
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), WORKER_STOP_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            raise
        log.warning("The worker ended; starting another", status=status)
        await asyncio.sleep(WORKER_RESTART_DELAY_S)


def _environment(infrastructure: Infrastructure) -> dict[str, str]:
    store = infrastructure.object_store
    variables = {
        "VPP_DATABASE_URL": infrastructure.database_url,
        "VPP_S3_BUCKET": store.bucket,
        "VPP_S3_ENDPOINT_URL": store.endpoint_url,
        "VPP_S3_SYNC_FOLDER": str(store.sync_folder) if store.sync_folder else None,
        "AWS_ACCESS_KEY_ID": store.access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.secret_access_key,
        "AWS_REGION": store.region,
        "AWS_DEFAULT_REGION": store.region,
    }
    return {name: value for name, value in variables.items() if value is not None}


@contextmanager
def listening_on(host: str, port: int, *, any_port: bool) -> Iterator[socket.socket]:
    """
    Listen on an address until the block ends; with `any_port`, on a free port if the given one is taken.

    Raises StartupError if the port is taken and `any_port` is not set.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError:
        if not any_port:
            message = f"Another program listens on {host}:{port}; choose another port with --port or VPP_PORT."
            raise StartupError(message) from None
        listening = socket.create_server((host, 0), family=family)
    # Re-wrapping the file descriptor sets `socket.proto` to TCP; asyncio sets TCP_NODELAY only then. Otherwise Nagle's
    # algorithm holds back the body of a response until the client acknowledges its head: 40 ms per response.
    with socket.socket(fileno=listening.detach()) as tcp_socket:
        yield tcp_socket
