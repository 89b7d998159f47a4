"""The command line interface, `vpp`."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graph.commands.keys import keys
from graph.commands.running import fail, output, run_command

# Slow imports are in the functions that need them: workers use less memory, and `vpp --help` starts quickly.
if TYPE_CHECKING:
    from graph.embedded.infrastructure import Certificate
    from graph.operations.persisted import Manifest
    from graph.web.origins import Pages
    from graph.web.server import Serving

app = typer.Typer(
    help="Revenue sharing for Virtual Power Plants: the API server, its workers, and administration.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(keys, name="key")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"vpp {version('vpp')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on; by default VPP_HOST, or 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; by default VPP_PORT, or 8000.")] = None,
    worker: Annotated[bool, typer.Option(help="Run a worker as a child process.")] = True,
    first: Annotated[
        Path | None,
        typer.Option(help="A script to run on the first start; later starts print the reports that it settled."),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Run the example's script on the first start: one month of one site.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve https with a certificate that is created on the first start.")
    ] = False,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="The path of a certificate in PEM format; by default VPP_TLS_CERTIFICATE.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="The path of its private key in PEM format; by default VPP_TLS_KEY.")
    ] = None,
    persisted: Annotated[
        Path | None, typer.Option(help="A manifest of persisted operations; the API then runs only these.")
    ] = None,
) -> None:
    """Serve the API and run a worker. Also run embedded Postgres and S3, unless the environment names a database."""
    from graph.embedded.infrastructure import open_infrastructure, own_certificate
    from graph.health import reporting_health
    from graph.operations.documents import Documents
    from graph.settings import Settings
    from graph.web.server import raise_open_files_limit, serving, tune_garbage_collector

    if first is not None and example:
        fail("Only one of --first and --example may be given.")
    raise_open_files_limit()

    settings = Settings()
    listen_on = host or settings.host
    any_port = port is None and "port" not in settings.model_fields_set
    certificate_files = (tls_certificate or settings.tls_certificate, tls_key or settings.tls_key)

    async def run() -> None:
        certificate = _certificate(*certificate_files)
        pages = _allowed_pages(settings.cors_origins)
        manifest = _read_manifest(persisted)
        async with open_infrastructure(settings) as infrastructure:
            introspection = infrastructure.embedded if settings.introspection is None else settings.introspection
            documents = Documents(introspection=introspection, manifest=manifest)
            if certificate is None and tls:
                certificate = own_certificate(settings.data_dir, host=listen_on)
            async with serving(
                infrastructure,
                host=listen_on,
                port=settings.port if port is None else port,
                any_port=any_port,
                worker=worker,
                certificate=certificate,
                pages=pages,
                documents=documents,
            ) as server:
                script = _example_script() if example else first
                if script is not None and server.api_key is not None:
                    await _run_first_script(script, server, marker=settings.data_dir / "played")
                tune_garbage_collector()
                # Only a generated key is printed, not one from the environment: a service manager may store standard
                # output.
                _print_addresses(server, show_key=infrastructure.embedded)
                if certificate and certificate.authority_file:
                    _print_authority(server, certificate.authority_file, is_new=certificate.is_new)
                output.print("Press Ctrl-C to stop.")
                async with reporting_health(server.url):
                    with suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()

    run_command(run())


@app.command()
def work(until_stdin_ends: Annotated[bool, typer.Option(hidden=True)] = False) -> None:
    """Run a worker, which imports files and settles months. Any number of workers may run, on any machines."""
    from graph.embedded.infrastructure import open_infrastructure
    from graph.health import reporting_health
    from graph.settings import Settings
    from graph.worker import Worker, use_single_malloc_arena

    use_single_malloc_arena()
    settings = Settings()

    async def run() -> None:
        async with open_infrastructure(settings) as infrastructure:
            worker = Worker(database_url=infrastructure.database_url, object_store=infrastructure.object_store)
            loop = asyncio.get_running_loop()
            for signal_number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(signal_number, worker.stop)
            if until_stdin_ends:

                def stop_at_end_of_stdin() -> None:
                    while os.read(sys.stdin.fileno(), 1):
                        pass
                    loop.call_soon_threadsafe(worker.stop)

                threading.Thread(target=stop_at_end_of_stdin, daemon=True).start()
            # A worker that an API starts has no health file: the API restarts it.
            if until_stdin_ends:
                await worker.run()
                return
            async with reporting_health():
                await worker.run()

    run_command(run())


@app.command()
def migrate() -> None:
    """Migrate the database to the latest revision."""
    import db.migrations
    from graph.embedded.infrastructure import open_infrastructure, upgrade_database
    from graph.settings import Settings

    async def run() -> None:
        async with open_infrastructure(Settings()) as infrastructure:
            await upgrade_database(infrastructure.database_url)
            output.print(f"The database is at revision {db.migrations.latest_revision()}.")

    run_command(run())


@app.command()
def verify() -> None:
    """Recompute every stored total, settle the latest reports again and read all reports' files; report differences."""
    import db.verification
    import graph.verification
    from db.engine.database import Database
    from graph.embedded.infrastructure import database_errors, open_or_join_infrastructure
    from graph.object_store import open_object_store
    from graph.settings import Settings

    async def run() -> None:
        async with (
            open_or_join_infrastructure(Settings()) as infrastructure,
            open_object_store(infrastructure.object_store) as object_store,
        ):
            database = Database(infrastructure.database_url, pool_size=1)
            # One snapshot for all checks, so that a running import is seen at one point in time.
            with database_errors():
                async with database.transaction(snapshot=True) as session:
                    findings = [finding async for finding in db.verification.verify(session)]
                    findings += [finding async for finding in graph.verification.verify(session, object_store)]
            await database.close()
        for finding in findings:
            output.print(f"{'no ' if finding.exceptions else 'yes'} {finding.sentence}", soft_wrap=True)
            for exception in finding.exceptions:
                output.print(f"      {exception}", soft_wrap=True)
        if any(finding.exceptions for finding in findings):
            fail("Some stored values differ from what they were made from.")

    run_command(run())


@app.command()
def schema() -> None:
    """Print the GraphQL schema in AppSync's dialect."""
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
    except JsonDecodeError as error:
        fail(f"--variables is not JSON: {error}.")
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
    url: Annotated[str | None, typer.Option(help="The URL of the API, such as http://127.0.0.1:8000/graphql.")] = None,
    api_key: Annotated[str | None, typer.Option(help="An API key.", envvar="VPP_API_KEY")] = None,
) -> None:
    """Run a script of instruction lines against the API at --url, or against a server started for this command."""
    if (url is None) != (api_key is None):
        fail("Only one of --url and --api-key is given: give both, or neither to start a server for this command.")
    from graph.commands.script import run_script

    lines, folder = _read_script(file)

    async def run() -> None:
        if url is not None and api_key is not None:
            await run_script(lines, url=url, api_key=api_key, folder=folder, output=output)
            return
        async with _temporary_server() as server:
            endpoint, key = f"{server.url}/graphql", server.api_key or ""
            await run_script(lines, url=endpoint, api_key=key, folder=folder, output=output)

    run_command(run())


def _example_script() -> Path:
    """Return the path of the example's script: in the wheel it is part of the package, in a checkout beside it."""
    package = Path(__file__).parents[1]
    folders = (package / "examples", package.parent / "examples")
    return next(folder for folder in folders if folder.is_dir()) / "first_month.txt"


def _certificate(file: Path | None, key_file: Path | None) -> "Certificate | None":
    from graph.embedded.infrastructure import Certificate
    from graph.settings import StartupError

    if file and key_file:
        return Certificate(file, key_file)
    if file or key_file:
        raise StartupError("Only one of a certificate and its key is given: give both, or neither to serve http.")
    return None


def _allowed_pages(origins: str | None) -> "Pages | None":
    from graph.settings import StartupError
    from graph.web.origins import InvalidOrigin, pages_of

    try:
        return None if origins is None else pages_of(origins)
    except InvalidOrigin as error:
        raise StartupError(f"VPP_CORS_ORIGINS: {error}") from None


def _read_manifest(file: Path | None) -> "Manifest | None":
    from graph.operations.documents import Documents
    from graph.operations.persisted import InvalidManifest, read_manifest
    from graph.schema import schema
    from graph.settings import StartupError

    try:
        return None if file is None else read_manifest(file, Documents(), schema._schema)
    except InvalidManifest as error:
        raise StartupError(str(error)) from None


def _read_script(file: str) -> tuple[list[str], Path]:
    return _read_text(file).splitlines(), Path.cwd() if file == "-" else Path(file).parent


def _read_text(file: str) -> str:
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.")
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8: byte {error.start + 1} is invalid.")


@asynccontextmanager
async def _temporary_server() -> AsyncIterator["Serving"]:
    from graph.embedded.infrastructure import open_infrastructure
    from graph.settings import Settings
    from graph.web.server import serving

    async with (
        open_infrastructure(Settings()) as infrastructure,
        serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=True) as server,
    ):
        yield server


async def _run_first_script(file: Path, server: "Serving", *, marker: Path) -> None:
    """Run a script on the first start, recorded by a marker file; later, print the current reports of its months."""
    from graph.commands.script import print_reports, run_script

    lines, folder = _read_script(str(file))
    endpoint, api_key = f"{server.url}/graphql", server.api_key or ""
    if await asyncio.to_thread(marker.exists):
        await print_reports(lines, url=endpoint, api_key=api_key, output=output, tls=server.tls)
        return
    report = marker.parent / "vpp_report.json"
    await run_script(
        lines, url=endpoint, api_key=api_key, folder=folder, output=output, report_path=report, tls=server.tls
    )
    await asyncio.to_thread(marker.touch)


def _print_addresses(server: "Serving", *, show_key: bool) -> None:
    output.print()
    output.print(f"Console    {server.url}/", soft_wrap=True)
    output.print(f"GraphiQL   {server.url}/graphql", soft_wrap=True)
    output.print(f"Endpoint   {server.url}/graphql", soft_wrap=True)
    if show_key and server.api_key is not None:
        output.print(f"API key    {server.api_key}", soft_wrap=True)


def _print_authority(server: "Serving", file: Path, *, is_new: bool) -> None:
    output.print()
    if is_new:
        output.print("The certificate authority is new: replace an earlier one wherever it is trusted.", soft_wrap=True)
    output.print(f"Authority  {file}", soft_wrap=True)
    output.print(f"Node       NODE_EXTRA_CA_CERTS={file}", soft_wrap=True)
    output.print(f"Python     SSL_CERT_FILE={file}", soft_wrap=True)
    output.print(f"curl       curl --cacert {file} {server.url}/livez", soft_wrap=True)
    output.print(
        "Browsers   Import the file as a trusted authority, in the browser or in the operating system.", soft_wrap=True
    )
    output.print()
