"""A database that cannot be reached, or that refuses the connection: a sentence and status 1, and no traceback."""

import asyncio
import os
import re
import sys

import pytest

from graph.embedded.servers import EmbeddedServers

NOBODY_LISTENS = "postgresql://vpp:secret@127.0.0.1:1/vpp"


async def run(database_url: str, *arguments: str) -> tuple[int | None, str]:
    """Run a command against a database, and return its exit status and what it prints to standard error."""
    environment = os.environ | {"VPP_DATABASE_URL": database_url, "VPP_S3_BUCKET": "vpp"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graph", *arguments), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    return process.returncode, stderr.decode().strip()


@pytest.mark.parametrize("command", ["migrate", "verify", "serve"])
async def test_command_says_that_the_database_does_not_answer(command: str) -> None:
    status, message = await run(NOBODY_LISTENS, command)

    assert status == 1
    assert message.startswith("The database does not answer: ")
    assert "\n" not in message


@pytest.mark.parametrize("command", ["migrate", "verify"])
async def test_command_says_why_the_database_refuses_the_connection(servers: EmbeddedServers, command: str) -> None:
    wrong_password = re.sub(r":[^:@/]+@", ":wrong@", servers.database_url)

    status, message = await run(wrong_password, command)

    assert status == 1
    assert message == 'The database refuses the connection: password authentication failed for user "vpp".'
