"""Free TCP ports for the embedded servers."""

import random
import socket
from itertools import islice
from pathlib import Path

# The gRPC port of each SeaweedFS server is its HTTP port plus this offset.
GRPC_OFFSET = 10_000

# Both ports of a pair are below 32,768, where the kernel's range for outgoing connections starts.
PORT_RANGE = range(12_768, 22_768)


def free_ports(count: int) -> list[int]:
    """Return random ports that are free on 127.0.0.1, each together with the port GRPC_OFFSET above it."""
    shuffled = random.SystemRandom().sample(PORT_RANGE, len(PORT_RANGE))
    return list(islice((port for port in shuffled if is_free(port)), count))


def is_free(port: int) -> bool:
    """Return whether a port and the port GRPC_OFFSET above it are free."""
    return _can_listen(port) and _can_listen(port + GRPC_OFFSET)


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # SeaweedFS also creates a Unix socket for each gRPC port in /tmp. It hangs on a socket file that another
            # user's killed process left; a port whose socket file cannot be deleted is therefore not used.
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                socket_file.unlink(missing_ok=True)
        except OSError:
            return False
    return True
