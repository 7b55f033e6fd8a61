"""`kill -9` while several clients write: every acknowledged write is there after the next start.

`python -m benchmarks.kill` does the same a thousand times.
"""

from __future__ import annotations

import random
import resource
from pathlib import Path

import pytest

from benchmarks.kill import Killing, kill, ledgers
from knlab._exceptions import ClusterError
from knlab._state import Durability
from knlab.cluster import kubernetes as k8s
from knlab.cluster import process
from knlab.cluster.connect import attach


@pytest.mark.slow
@pytest.mark.parametrize(("durability", "kills"), [("process", 5), ("power", 1)])
def test_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, durability: Durability, kills: int
) -> None:
    directory = tmp_path / "state"
    launch = process.Launch(durability=durability, with_parent=True)
    killing = Killing(lambda: process.start(directory, launch), random.Random(4), ledgers(4))
    try:
        for _ in range(kills):
            killing.round()
    finally:
        process.stop(directory)
    assert not killing.problems
    assert killing.acknowledged >= kills


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits other processes")
def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    launch = process.Launch(with_parent=True)
    running = process.start(directory, launch)
    api = attach(running).api
    made = {name: api.create(config_map(name)) for name in ("one", "two")}
    full = (directory / "store.sqlite-wal").stat().st_size
    before = resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    for _ in range(3):
        with pytest.raises(ClusterError, match="the cluster's state cannot be written: disk I/O"):
            api.create(config_map("three"))
    assert api.find(k8s.CONFIG_MAP, "three", "default") is None
    assert api.get(k8s.CONFIG_MAP, "one", "default") == made["one"]
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, before)  # somebody has made room
    made["three"] = api.create(config_map("three"))
    kill(running.pid)
    again = attach(process.start(directory, launch)).api
    assert {name: again.get(k8s.CONFIG_MAP, name, "default") for name in made} == made
    process.stop(directory)


def config_map(name: str) -> k8s.Object:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b" * 500}}
