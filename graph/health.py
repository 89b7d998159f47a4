"""
`python -m graph.health`: the health check of a container, for the API and for a worker alike.

With VPP_HEALTH_FILE set, a process renews that file every HEARTBEAT_INTERVAL_S. An API writes its address to it, and
must answer GET /livez as well. Only the standard library is imported, since each check starts a new Python process.
"""

import asyncio
import os
import ssl
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

VARIABLE = "VPP_HEALTH_FILE"
HEARTBEAT_INTERVAL_S = 5.0
# A heartbeat may be late while the process is busy, but not by this much.
HEARTBEAT_TIMEOUT_S = 60.0
LIVEZ_TIMEOUT_S = 2.0


@asynccontextmanager
async def reporting_health(url: str | None = None) -> AsyncIterator[None]:
    """Keep the health file of this process up to date until the block ends; without VPP_HEALTH_FILE, do nothing."""
    name = os.environ.get(VARIABLE)
    if not name:
        yield
        return
    file = Path(name)

    async def heartbeat() -> None:
        while True:
            # A rename is atomic: a check never reads half a file.
            new = file.with_name(f"{file.name}.{os.getpid()}")
            new.write_text(url or "", encoding="ascii")
            new.replace(file)
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)

    task = asyncio.create_task(heartbeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(file.unlink, missing_ok=True)


def problem(file: Path, *, now: float) -> str | None:
    """Return an error message if the process of a health file is unhealthy, else None. `now` is in seconds."""
    try:
        url, written_at = file.read_text(encoding="ascii"), file.stat().st_mtime
    except FileNotFoundError:
        return f"{file} is missing: the process has not started yet."
    if now - written_at > HEARTBEAT_TIMEOUT_S:
        return f"The last heartbeat is {now - written_at:.0f} s old; expected at most {HEARTBEAT_TIMEOUT_S:.0f} s."
    if not url:
        return None
    # The certificate is not checked: it names the host that clients call, and this address is the machine's own.
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"{url}/livez", timeout=LIVEZ_TIMEOUT_S, context=unverified):  # noqa: S310
            return None
    except OSError as fault:
        return f"{url}/livez does not answer: {fault}."


if __name__ == "__main__":
    if VARIABLE not in os.environ:
        sys.exit(f"{VARIABLE} is not set: give the file that the process writes.")
    found = problem(Path(os.environ[VARIABLE]), now=time.time())
    if found:
        sys.exit(found)
