"""Ports for the embedded servers."""

import random
import socket
from itertools import islice
from pathlib import Path

# SeaweedFS puts the gRPC of each of its servers this far above its HTTP.
GRPC_OFFSET = 10_000

# Both halves of a pair lie below 32,768, whence the kernel takes the ports of outgoing connections.
CHOICE = range(12_768, 22_768)


def free_ports(count: int) -> list[int]:
    """Choose ports that are free on 127.0.0.1, each together with the one GRPC_OFFSET above it."""
    shuffled = random.SystemRandom().sample(CHOICE, len(CHOICE))
    return list(islice((port for port in shuffled if is_free(port)), count))


def is_free(port: int) -> bool:
    """Tell whether a port and the one GRPC_OFFSET above it could be listened on."""
    return _can_listen(port) and _can_listen(port + GRPC_OFFSET)


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            # SeaweedFS keeps a socket for each gRPC port here too, and hangs on one that a killed other user's left.
            for left_over in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                left_over.unlink(missing_ok=True)
        except OSError:
            return False
    return True
