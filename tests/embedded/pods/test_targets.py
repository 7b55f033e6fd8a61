"""Which pod and which container exec and port-forward are about, and when they are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.errors import BadRequest, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.targets import (
    check_host,
    chosen_container,
    find_pod,
    running_instance,
    until_end,
    until_over,
)
from tests.embedded.pods.conftest import Cluster, MakePod

RUNNING = {"name": "main", "containerID": "knlab://1", "state": {"running": {}}}


def pod(*containers: str, inits: tuple[str, ...] = (), **status: object) -> Object:
    spec: Object = {"containers": [{"name": name} for name in containers]}
    if inits:
        spec["initContainers"] = [{"name": name} for name in inits]
    return {"metadata": {"name": "p", "namespace": "default"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("of", "wanted", "chosen"),
    [
        (pod("a"), "", "a"),
        (pod("a", inits=("i",)), "", "a"),
        (pod("a", "b"), "b", "b"),
        (pod("a", inits=("i",)), "i", "i"),
    ],
)
def test_the_container_that_is_meant(of: Object, wanted: str, chosen: str) -> None:
    assert chosen_container(of, wanted) == chosen


@pytest.mark.parametrize(
    ("of", "wanted", "message"),
    [
        (pod("a"), "x", "container x is not valid for pod p"),
        (
            pod("a", "b", inits=("i",)),
            "",
            "a container name must be specified for pod p, choose one of: [i a b]",
        ),
    ],
)
def test_a_container_that_is_none(of: Object, wanted: str, message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        chosen_container(of, wanted)
    assert refused.value.message == message


def test_a_pod_without_a_node() -> None:
    with pytest.raises(BadRequest, match="pod p does not have a host assigned"):
        check_host(pod("a"))


@pytest.mark.parametrize(
    ("of", "instance"),
    [
        (pod("main", containerStatuses=[RUNNING]), "knlab://1"),
        (pod("a", inits=("main",), initContainerStatuses=[RUNNING]), "knlab://1"),
        (pod("main", containerStatuses=[RUNNING | {"state": {"waiting": {}}}]), None),
        (pod("main"), None),
    ],
)
def test_the_instance_that_runs(of: Object, instance: str | None) -> None:
    assert running_instance(of, "main") == instance


class TestFollowing:
    @pytest.fixture
    def live(self, cluster: Cluster, make: MakePod) -> Object:
        cluster.create(make("p"))
        return self.told(cluster, phase="Running", containerStatuses=[RUNNING])

    def told(self, cluster: Cluster, **status: object) -> Object:
        changed = cluster.pod("p") | {"status": status}
        return cluster.api.update(PODS, changed, subresource="status").object

    async def test_a_container_that_ends(self, cluster: Cluster, live: Object) -> None:
        with until_end(cluster.store, live, "main") as ended:
            self.told(cluster, phase="Running", containerStatuses=[RUNNING], message="x")
            assert not ended.is_set()
            again = RUNNING | {"containerID": "knlab://2"}
            self.told(cluster, phase="Running", containerStatuses=[again])
            assert ended.is_set()

    async def test_a_pod_that_ends(self, cluster: Cluster, live: Object) -> None:
        with until_over(cluster.store, live) as over:
            self.told(cluster, phase="Succeeded")
            assert over.is_set()

    async def test_a_pod_that_is_deleted(self, cluster: Cluster, live: Object) -> None:
        with until_over(cluster.store, live) as over, until_end(cluster.store, live, "main") as end:
            cluster.api.delete(PODS, "default", "p", {"gracePeriodSeconds": 0})
            assert over.is_set()
            assert end.is_set()

    async def test_what_is_over_already(self, cluster: Cluster, live: Object) -> None:
        self.told(cluster, phase="Failed")
        with until_over(cluster.store, live) as over, until_end(cluster.store, live, "main") as end:
            assert over.is_set()
            assert end.is_set()

    pytestmark = pytest.mark.anyio


@pytest.mark.anyio
async def test_a_pod_that_is_not_there(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match='pods "p" not found'):
        find_pod(cluster.store, "default", "p")
