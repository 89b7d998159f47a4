import asyncio
import socket

import pytest

from graph.backing import CannotServe
from graph.serving import listening_on


async def test_what_is_written_is_sent_at_once() -> None:
    accepted = asyncio.get_running_loop().create_future()

    with listening_on("127.0.0.1", 0, any_port=False) as listening:
        server = await asyncio.start_server(lambda _, client: accepted.set_result(client), sock=listening)
        _, ours = await asyncio.open_connection(*listening.getsockname())
        theirs = await accepted

        assert theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for each in (ours, theirs, server):
            each.close()


def test_a_port_that_is_taken_is_refused_or_passed_over() -> None:
    with listening_on("127.0.0.1", 0, any_port=False) as taken:
        host, port = taken.getsockname()

        with pytest.raises(CannotServe, match=f"Something else listens on {host}:{port}"):
            listening_on(host, port, any_port=False).__enter__()
        with listening_on(host, port, any_port=True) as another:
            assert another.getsockname()[1] != port
