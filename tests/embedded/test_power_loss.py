"""After a loss of power, embedded S3 has every object that `ObjectStore.write` and `sync` returned for."""

import os
import shutil
from pathlib import Path

import httpx
import pytest

from graph.embedded.process import servers_account
from graph.embedded.seaweedfs import running_seaweedfs
from graph.object_store import open_object_store


async def test_objects_survive_a_loss_of_power_that_follows_the_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, disk = tmp_path / "data", tmp_path / "disk"
    data_dir.mkdir()
    fsync = os.fsync

    def fsync_to_disk(descriptor: int) -> None:
        """Copy a file as it is to the folder that stands for the disk: a loss of power leaves only what is there."""
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_relative_to(data_dir):
            copy = disk / path.relative_to(data_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                shutil.copyfile(path, copy)

    monkeypatch.setattr(os, "fsync", fsync_to_disk)
    account = servers_account(data_dir)
    async with running_seaweedfs(data_dir, account) as address, open_object_store(address) as store:
        await store.write("reports/one.json", b"published" * 1000, content_type="application/json")
        async with httpx.AsyncClient() as client:
            link = await store.upload_link("imports/one.csv", expires_in_s=60)
            assert (await client.put(link, content=b"uploaded")).status_code == 200
        await store.sync()
        shutil.copytree(disk, tmp_path / "after")

    monkeypatch.undo()
    after = tmp_path / "after"
    if account:
        for path in (after, *after.rglob("*")):
            account.own(path)
    async with running_seaweedfs(after, account) as address, open_object_store(address) as store:
        for key, content in (("reports/one.json", b"published" * 1000), ("imports/one.csv", b"uploaded")):
            stored = await store.find(key)
            assert stored is not None
            assert await store.read(key, etag=stored.etag) == content
