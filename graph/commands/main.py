"""The command line, `vpp`."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from db.engine.database import Database
from graph.commands.keys import keys
from graph.commands.running import fail, output, run_command, upgrade_database
from graph.embedded.infrastructure import Certificate, open_database, open_infrastructure, own_certificate
from graph.settings import Settings, StartupError

# What only some commands need is imported by those: a worker takes less memory for it, and all start sooner.
if TYPE_CHECKING:
    from graph.operations.persisted import Manifest
    from graph.web.origins import Pages
    from graph.web.server import Serving

app = typer.Typer(
    help="Revenue sharing for Virtual Power Plants: the API, its workers, and what looks after them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(keys, name="key")


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
    persisted: Annotated[
        Path | None, typer.Option(help="A manifest of persisted operations, of which alone any is run.")
    ] = None,
) -> None:
    """Serve the API, with a worker beside it, and with Postgres and S3 unless the environment names them."""
    from graph.operations.documents import Documents
    from graph.web.server import raise_open_files_limit, serving, tune_garbage_collector

    raise_open_files_limit()

    settings = Settings()
    listen_on = host or settings.host
    any_port = port is None and "port" not in settings.model_fields_set
    given = (tls_certificate or settings.tls_certificate, tls_key or settings.tls_key)

    async def run() -> None:
        certificate = _given_certificate(*given)
        pages = _given_pages(settings.cors_origins)
        only = _read_manifest(persisted)
        async with open_infrastructure(settings) as behind:
            introspection = behind.embedded if settings.introspection is None else settings.introspection
            documents = Documents(introspection=introspection, manifest=only)
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
                documents=documents,
            ) as ours:
                if first is not None and ours.api_key is not None:
                    await _play(first, ours, done=settings.data_dir / "played")
                tune_garbage_collector()
                # A key that was given is known to who gave it, and standard output is kept by whoever runs us.
                _print_addresses(ours, show_key=behind.embedded)
                if certificate and certificate.authority_file:
                    _print_authority(ours, certificate.authority_file, is_new=certificate.is_new)
                output.print("Serving until stopped with Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    run_command(run())


@app.command()
def work(until_stdin_ends: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
    """Work: import files and settle months. Any number of workers may run, anywhere."""
    from graph.worker import Worker, use_single_malloc_arena

    use_single_malloc_arena()
    settings = Settings()

    async def run() -> None:
        async with open_infrastructure(settings) as behind:
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

    run_command(run())


@app.command()
def migrate() -> None:
    """Bring the database up to date, and say so."""
    import db.migrations

    async def run() -> None:
        async with open_infrastructure(Settings()) as behind:
            await upgrade_database(behind.database_url)
            output.print(f"The database is at revision {db.migrations.latest_revision()}.")

    run_command(run())


@app.command()
def verify() -> None:
    """Make every sum the database keeps again, of what it was made of, and say whether they agree."""
    import db.verification

    async def run() -> None:
        async with open_database(Settings()) as url:
            database = Database(url)
            # One snapshot for all checks, so that an import under way is seen as it was at one instant.
            async with database.transaction(snapshot=True) as session:
                findings = [finding async for finding in db.verification.verify(session)]
            await database.close()
        for finding in findings:
            output.print(f"{'no ' if finding.exceptions else 'yes'} {finding.sentence}", soft_wrap=True)
            for exception in finding.exceptions:
                output.print(f"      {exception}", soft_wrap=True)
        if any(finding.exceptions for finding in findings):
            fail("Some sums do not agree.")

    run_command(run())


@app.command()
def schema() -> None:
    """Print the schema, in AppSync's dialect."""
    from graph.schema import appsync_sdl

    sys.stdout.write(appsync_sdl())


@app.command()
def explain(
    file: Annotated[str, typer.Argument(help="A GraphQL document, or - for standard input.")],
    role: Annotated[str, typer.Option(help="The role of the caller: MEMBER, READER, OPERATOR or ADMIN.")] = "ADMIN",
    variables: Annotated[str, typer.Option(help="The values of variables, as a JSON object.")] = "{}",
) -> None:
    """Print the SQL statements and the Python function that each operation of a GraphQL document is compiled to."""
    from graph.auth.callers import ROLES
    from graph.operations.json import JsonDecodeError, decode
    from graph.plans.explain import explain

    if role not in ROLES:
        fail(f"--role is one of {', '.join(ROLES)}, not {role}.")
    try:
        values = decode(variables)
    except JsonDecodeError as fault:
        fail(f"--variables is not JSON: {fault}.")
    if not isinstance(values, dict):
        fail('--variables is a JSON object, such as {"limit": 10}.')
    explanations = asyncio.run(explain(_read_text(file), role=role, variables=values))
    sys.stdout.writelines(f"{each.text}\n\n" for each in explanations if each.is_valid)
    errors = [each.text for each in explanations if not each.is_valid]
    if errors:
        fail("\n\n".join(errors))


@app.command()
def script(
    file: Annotated[str, typer.Argument(help="A file of instruction lines, or - for standard input.")],
    url: Annotated[str | None, typer.Option(help="The endpoint, such as http://127.0.0.1:8000/graphql.")] = None,
    api_key: Annotated[str | None, typer.Option(help="A key to it.", envvar="VPP_API_KEY")] = None,
) -> None:
    """Carry out instruction lines as GraphQL mutations, at --url or on servers embedded for the occasion."""
    if (url is None) != (api_key is None):
        fail("--url and --api-key go together: give both, or neither to run on embedded servers.")
    from graph.commands.script import run_script

    lines, folder = _script(file)

    async def run() -> None:
        if url is not None and api_key is not None:
            await run_script(lines, url=url, api_key=api_key, folder=folder, output=output)
            return
        async with _own_stack() as ours:
            endpoint, key = f"{ours.url}/graphql", ours.api_key or ""
            await run_script(lines, url=endpoint, api_key=key, folder=folder, output=output)

    run_command(run())


def _given_certificate(file: Path | None, key_file: Path | None) -> Certificate | None:
    if file and key_file:
        return Certificate(file, key_file)
    if file or key_file:
        raise StartupError("A certificate and its key go together: give both, or neither to do without.")
    return None


def _given_pages(origins: str | None) -> "Pages | None":
    from graph.web.origins import InvalidOrigin, pages_of

    try:
        return None if origins is None else pages_of(origins)
    except InvalidOrigin as fault:
        raise StartupError(f"VPP_CORS_ORIGINS: {fault}") from None


def _read_manifest(file: Path | None) -> "Manifest | None":
    from graph.operations.documents import Documents
    from graph.operations.persisted import InvalidManifest, read_manifest
    from graph.schema import schema

    try:
        return None if file is None else read_manifest(file, Documents(), schema._schema)
    except InvalidManifest as fault:
        raise StartupError(str(fault)) from None


def _script(file: str) -> tuple[list[str], Path]:
    return _read_text(file).splitlines(), Path.cwd() if file == "-" else Path(file).parent


def _read_text(file: str) -> str:
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8, at byte {error.start + 1}.")


@asynccontextmanager
async def _own_stack() -> AsyncIterator["Serving"]:
    from graph.web.server import serving

    async with (
        open_infrastructure(Settings()) as behind,
        serving(behind, host="127.0.0.1", port=0, any_port=True, worker=True) as ours,
    ):
        yield ours


async def _play(file: Path, ours: "Serving", *, done: Path) -> None:
    """Carry a script out once; on later starts, print the reports it asked for as they stand."""
    from graph.commands.script import print_reports, run_script

    lines, folder = _script(str(file))
    endpoint, api_key = f"{ours.url}/graphql", ours.api_key or ""
    if await asyncio.to_thread(done.exists):
        await print_reports(lines, url=endpoint, api_key=api_key, output=output, tls=ours.tls)
        return
    report = done.parent / "vpp_report.json"
    await run_script(
        lines, url=endpoint, api_key=api_key, folder=folder, output=output, report_path=report, tls=ours.tls
    )
    await asyncio.to_thread(done.touch)


def _print_addresses(ours: "Serving", *, show_key: bool) -> None:
    output.print()
    output.print(f"Console    {ours.url}/", soft_wrap=True)
    output.print(f"GraphiQL   {ours.url}/graphql", soft_wrap=True)
    output.print(f"Endpoint   {ours.url}/graphql", soft_wrap=True)
    if show_key and ours.api_key is not None:
        output.print(f"API key    {ours.api_key}", soft_wrap=True)


def _print_authority(ours: "Serving", file: Path, *, is_new: bool) -> None:
    output.print()
    if is_new:
        output.print("The authority is new: whoever trusted an earlier one must trust this one.", soft_wrap=True)
    output.print(f"Authority  {file}", soft_wrap=True)
    output.print(f"Node       NODE_EXTRA_CA_CERTS={file}", soft_wrap=True)
    output.print(f"Python     SSL_CERT_FILE={file}", soft_wrap=True)
    output.print(f"curl       curl --cacert {file} {ours.url}/livez", soft_wrap=True)
    output.print(
        "Browsers   Import the file where they, or the system, keep the authorities they trust.", soft_wrap=True
    )
    output.print()
