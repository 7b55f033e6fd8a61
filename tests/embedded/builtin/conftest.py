"""A real API with the built-in kinds, on a clock that stands still."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from knlab._clock import ManualClock
from knlab.embedded.builtin.boot import NodeFacts, boot_objects
from knlab.embedded.builtin.kinds import NODES, SERVICE_CLAIMS, rows
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store
from tests.factories import NOW, NOW_TEXT, resource_of

FACTS = NodeFacts(
    cpus=2,
    memory_bytes=8 * 1024**3,
    disk_bytes=50 * 1024**3,
    architecture="amd64",
    operating_system="linux",
    os_image="Debian GNU/Linux 12 (bookworm)",
    kernel_version="6.1.0",
    machine_id="3d1219c7c4c5404aaa1f6d2a48adfda4",
    boot_id="06128d3a-b8c0-44f6-a17a-6424b90c7b77",
    address="127.0.0.1",
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A new cluster."""
    store = Store(tmp_path / "cluster.db")
    made = Api(
        store,
        Registry(rows(partial(store.having, SERVICE_CLAIMS))),
        ManualClock(NOW),
        kinds=SERVER_KINDS,
        lifecycle=LIFECYCLE,
        randomness=random.Random(1),
    )
    for obj in boot_objects(NOW_TEXT, FACTS, "127.0.0.1", 6443):
        made.create(resource_of(obj), obj)
        if resource_of(obj) == NODES:
            made.update(NODES, obj, subresource="status")
    yield made
    store.close()
