"""Keeps embedded servers in the folder it is given until it is told to stop."""

import asyncio
import dataclasses
import json
import signal
import sys
from pathlib import Path

from graph.embedded.servers import embedded_servers


async def main() -> None:
    serving = asyncio.current_task()
    assert serving
    # Both by name: started in the background, a program may find SIGINT ignored, and Python leaves it so.
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, serving.cancel)
    async with embedded_servers(Path(sys.argv[1])) as servers:
        json.dump(dataclasses.asdict(servers), sys.stdout)
        print(flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        sys.exit(0)
