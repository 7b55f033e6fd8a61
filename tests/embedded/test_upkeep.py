"""What every cluster has comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from knlab._clock import ManualClock
from knlab.embedded import upkeep
from knlab.embedded.builtin.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    NODES,
    SERVICE_CLAIMS,
    SERVICES,
    rows,
)
from knlab.embedded.builtin.lifecycle import LIFECYCLE, SERVER_KINDS
from knlab.embedded.host import node_facts
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import GroupResource, condition
from knlab.embedded.kube.registry import Registry
from knlab.embedded.kube.store import Store
from knlab.embedded.upkeep import establish, keep
from tests.embedded.kube.at_work import at_work, until
from tests.factories import NOW

pytestmark = pytest.mark.anyio
LEASE = (GroupResource("coordination.k8s.io", "leases"), "kube-node-lease", "knlab")
OLD = "2001-01-01T00:00:00.000000Z"
THEIRS = [
    (SERVICES, "default", "kubernetes"),
    (ENDPOINTS, "default", "kubernetes"),
    (ENDPOINT_SLICES, "default", "kubernetes"),
    LEASE,
]


@pytest.fixture
def established(tmp_path: Path) -> Iterator[Api]:
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
    establish(made, NOW, node_facts(Path("/")), "127.0.0.1", 6443)
    yield made
    store.close()


@asynccontextmanager
async def kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """`api` while the loop runs, without its pauses."""
    monkeypatch.setattr(upkeep, "HEARTBEAT", 0.0)
    async with at_work(keep(api, ManualClock(NOW), "127.0.0.1", 6443)):
        yield


def test_the_node_is_ready(established: Api) -> None:
    ready = condition(established.get(NODES, "", "knlab"), "Ready") or {}
    assert ready["status"] == "True"


@pytest.mark.parametrize(("resource", "namespace", "name"), THEIRS)
async def test_what_is_deleted_comes_back(
    established: Api, monkeypatch: pytest.MonkeyPatch, resource: GroupResource, namespace: str,
    name: str,
) -> None:  # fmt: skip
    before = established.get(resource, namespace, name)
    established.delete(resource, namespace, name)
    async with kept(established, monkeypatch):
        await until(established, lambda: established.find(resource, namespace, name))
    after = established.get(resource, namespace, name)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert {key: after[key] for key in after if key != "metadata"} == {
        key: before[key] for key in before if key != "metadata"
    }


async def test_the_lease_is_renewed(established: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    established.patch(*LEASE, lambda live: live | {"spec": {**live["spec"], "renewTime": OLD}})
    async with kept(established, monkeypatch):
        await until(established, lambda: established.get(*LEASE)["spec"]["renewTime"] != OLD)


async def test_while_nothing_is_missing_nothing_is_written(
    established: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = established.store.version
    async with kept(established, monkeypatch):
        for _ in range(5):
            await asyncio.sleep(0)
    assert established.store.version == before
