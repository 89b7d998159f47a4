"""The command line, `vpp`."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from db.engine import Database
from db.refusals import Refusal
from graph import logs
from graph.backing import CannotServe, Certificate, backing, own_certificate
from graph.script.instructions import LineRefused
from graph.settings import Settings

# What only some commands need is imported by those: a worker takes less memory for it, and all start sooner.
if TYPE_CHECKING:
    from graph.browsers import Pages
    from graph.serving import Serving

app = typer.Typer(
    help="Revenue sharing for Virtual Power Plants: the API, its workers, and what looks after them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(keys, name="key")

output = Console(highlight=False)


class Role(StrEnum):
    MEMBER = "MEMBER"
    READER = "READER"
    OPERATOR = "OPERATOR"
    ADMIN = "ADMIN"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; VPP_HOST, or 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; VPP_PORT, or 8000.")] = None,
    worker: Annotated[bool, typer.Option(help="Run a worker beside the API.")] = True,
    first: Annotated[Path | None, typer.Option(help="A script to carry out on the first start.")] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https, with a certificate made on the first start.")
    ] = False,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="A certificate to serve https with, in PEM; VPP_TLS_CERTIFICATE.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, in PEM; VPP_TLS_KEY.")] = None,
) -> None:
    """Serve the API, with a worker beside it, and with Postgres and S3 unless the environment names them."""
    from graph.serving import collect_seldom, let_many_connect, serving

    let_many_connect()

    settings = Settings()
    listen_on = host or settings.host
    any_port = port is None and "port" not in settings.model_fields_set
    given = (tls_certificate or settings.tls_certificate, tls_key or settings.tls_key)

    async def run() -> None:
        certificate = _given_certificate(*given)
        pages = _given_pages(settings.cors_origins)
        async with backing(settings) as behind:
            if certificate is None and tls:
                certificate = own_certificate(settings.data_dir, host=listen_on)
            async with serving(
                behind,
                host=listen_on,
                port=settings.port if port is None else port,
                any_port=any_port,
                worker=worker,
                certificate=certificate,
                pages=pages,
            ) as ours:
                if first is not None and ours.api_key is not None:
                    await _play(first, ours, done=settings.data_dir / "played")
                collect_seldom()
                # A key that was given is known to who gave it, and standard output is kept by whoever runs us.
                _print_addresses(ours, show_key=behind.embedded)
                if certificate and certificate.authority_file:
                    _print_authority(ours, certificate.authority_file, is_new=certificate.is_new)
                output.print("Serving until stopped with Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    _run(run())


@app.command()
def work(until_stdin_ends: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
    """Work: import files and settle months. Any number of workers may run, anywhere."""
    from graph.worker import Worker, share_memory

    share_memory()
    settings = Settings()

    async def run() -> None:
        async with backing(settings) as behind:
            worker = Worker(database_url=behind.database_url, object_store=behind.object_store)
            loop = asyncio.get_running_loop()
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(each, worker.stop)
            if until_stdin_ends:

                def wait_for_end() -> None:
                    while os.read(sys.stdin.fileno(), 1):
                        pass
                    loop.call_soon_threadsafe(worker.stop)

                threading.Thread(target=wait_for_end, daemon=True).start()
            await worker.run()

    _run(run())


@app.command()
def migrate() -> None:
    """Bring the database up to date, and say so."""
    import db.migrations

    async def run() -> None:
        async with backing(Settings()) as behind:
            await asyncio.to_thread(db.migrations.upgrade, behind.database_url)
            output.print(f"The database is at revision {db.migrations.latest_revision()}.")

    _run(run())


@app.command()
def verify() -> None:
    """Make every sum the database keeps again, of what it was made of, and say whether they agree."""
    import db.verification

    async def run() -> None:
        async with backing(Settings()) as behind:
            database = Database(behind.database_url)
            # One snapshot for all checks, so that an import under way is seen as it was at one instant.
            async with database.transaction(snapshot=True) as session:
                findings = [finding async for finding in db.verification.verify(session)]
            await database.close()
        for finding in findings:
            output.print(f"{'no ' if finding.exceptions else 'yes'} {finding.sentence}", soft_wrap=True)
            for exception in finding.exceptions:
                output.print(f"      {exception}", soft_wrap=True)
        if any(finding.exceptions for finding in findings):
            _fail("Some sums do not agree.")

    _run(run())


@app.command()
def schema() -> None:
    """Print the schema, in AppSync's dialect."""
    from graph.schema import printed

    sys.stdout.write(printed())


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    iam: Annotated[bool, typer.Option("--iam", help="An access key too, to sign requests with as AWS's are.")] = False,
) -> None:
    """Make an API key and show it, this once."""
    import db.access_keys
    import db.api_keys
    import db.migrations
    from db.audit_entries import Author, Kind, audited

    by_command = Author("COMMAND", "vpp key create")

    async def run() -> None:
        async with backing(Settings()) as behind:
            await asyncio.to_thread(db.migrations.upgrade, behind.database_url)
            database = Database(behind.database_url)
            async with database.transaction() as session, audited(session, by_command, "createApiKey") as change:
                id, secret = await db.api_keys.create(session, name=name, role=role)
                access_key = await db.access_keys.create(session, api_key_id=id) if iam else None
                change.created(Kind.API_KEY, id)
