"""What somebody wrote into a Pod's status, or asks for in its spec, is never the kubelet's end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import CONFIG_MAPS, PODS
from knlab.embedded.kube.objects import Object, copy_json
from knlab.embedded.pods.addresses import PodAddresses

pytestmark = pytest.mark.anyio

Cluster = Any
MakePod = Any

NONSENSE: dict[str, Any] = {
    "podIP": ["", "127.9", "not-an-ip", "127.", "999.1.1.1", "::1", "127.1.0.0", "127.0.0.1"],
    "podIPs": [[], [{}], [{"ip": "x"}]],
    "hostIP": ["", "x"],
    "startTime": ["", "2026-13-45T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"],
    "conditions": [[], [{}], [{"type": "Ready"}], [{"type": "Ready", "status": "True"}]],
    "containerStatuses": [
        [],
        [{}],
        [{"name": "main"}],
        [{"name": "main", "restartCount": -5, "state": {}, "lastState": {}}],
        [{"name": "main", "state": {"running": {}}, "lastState": {"terminated": {}}}],
        [{"name": "main", "state": {"terminated": {"exitCode": -1, "startedAt": "x"}}}],
        [{"name": "main", "state": {"waiting": {}}, "containerID": "x"}, {"name": "main"}],
        [{"name": "other", "restartCount": 1 << 31}],
    ],
    "initContainerStatuses": [[{}], [{"name": "main"}]],
    "phase": ["", "Odd", "Running", "Unknown"],
    "qosClass": ["", "Odd"],
    "reason": ["x"],
}


def _store_with(cluster: Cluster, pod: Object, field: str, value: Any) -> None:
    """Put a pod into the store that no API server would have let in."""
    created = cluster.create(pod)
    stored = copy_json(created)
    stored["status"] = {**(stored.get("status") or {}), field: value}
    cluster.store.put(PODS, stored)


async def test_a_kubelet_starts_on_a_store_with_nonsense_in_every_status(
    cluster: Cluster, make: MakePod
) -> None:
    odd = [(field, value) for field, values in NONSENSE.items() for value in values]
    image = cluster.shell("sleeps", "exec sleep 60")
    for number, (field, value) in enumerate(odd):
        _store_with(cluster, make(f"odd-{number}", image, container={"ports": []}), field, value)
    async with cluster.kubelet():
        for number in range(len(odd)):
            pod = await cluster.until_ready(f"odd-{number}")
            assert pod["status"]["phase"] == "Running", odd[number]
            assert pod["status"]["podIP"].startswith("127."), odd[number]
            assert pod["status"]["podIP"] not in {"127.0.0.1", "127.1.0.0"}, odd[number]
            assert pod["status"]["containerStatuses"][0]["restartCount"] in {0, 1}, odd[number]
        addresses = [cluster.status(f"odd-{number}")["podIP"] for number in range(len(odd))]
    assert len(set(addresses)) == len(odd)


async def test_a_status_that_is_not_the_kubelets_is_put_right(
    cluster: Cluster, make: MakePod
) -> None:
    async with cluster.kubelet():
        cluster.create(make("hello"))
        await cluster.until_ready("hello")
        before = cluster.status("hello")
        extra = {"type": "DisruptionTarget", "status": "True"}

        def spoiled(pod: Object) -> Object:
            pod["status"]["containerStatuses"][0]["restartCount"] = -5
            pod["status"]["phase"] = "Odd"
            pod["status"]["podIP"] = "127.0.0.1"
            pod["status"]["conditions"].append(extra)
            return pod

        cluster.api.patch(PODS, "default", "hello", spoiled, subresource="status")
        assert cluster.status("hello")["phase"] == "Odd"
        await cluster.until(lambda: cluster.status("hello")["phase"] == "Running")
        after = cluster.status("hello")
        version = cluster.pod("hello")["metadata"]["resourceVersion"]
        for _ in range(10):
            await asyncio.sleep(0)
        assert cluster.pod("hello")["metadata"]["resourceVersion"] == version, "it is content now"
    assert after == before | {"conditions": [*before["conditions"], extra]}


async def test_one_pod_that_cannot_be_had_leaves_the_others_alone(
    cluster: Cluster, make: MakePod, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = PodAddresses.take

    def failing(self: PodAddresses, wanted: str = "") -> str:
        if wanted == "127.9.9.9":
            raise RuntimeError("out of luck")
        return original(self, wanted)

    monkeypatch.setattr(PodAddresses, "take", failing)
    _store_with(cluster, make("bad"), "podIP", "127.9.9.9")
    async with cluster.kubelet():
        cluster.create(make("good"))
        await cluster.until_ready("good")
        assert "out of luck" in cluster.logged[0]
        cluster.logged.clear()


async def test_a_worker_that_fails_lets_go_and_another_begins(
    cluster: Cluster, make: MakePod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knlab.embedded.pods.kubelet._BEGIN_AGAIN", 0.05)
    failures = ["out of luck"]

    async def made(_self: object) -> bool:
        if failures:
            raise RuntimeError(failures.pop())
        return True

    monkeypatch.setattr("knlab.embedded.pods.pod_volumes.PodVolumes.made", made)
    async with cluster.kubelet():
        cluster.create(make("hello"))
        await cluster.until_ready("hello")
        assert "out of luck" in cluster.logged[0]
        cluster.logged.clear()
        cluster.api.delete(PODS, "default", "hello")
        await cluster.until_gone("hello")
    assert not list((cluster.directory / "pods").iterdir())


async def test_a_pod_may_be_active_for_so_long_only(cluster: Cluster, make: MakePod) -> None:
    image = cluster.shell("sleeps", "exec sleep 60")
    async with cluster.kubelet():
        cluster.create(make("late", image, activeDeadlineSeconds=1))
        await cluster.until(lambda: cluster.status("late").get("phase") == "Failed")
        status = cluster.status("late")
        assert (status["reason"], status["message"]) == (
            "DeadlineExceeded",
            "Pod was active on the node longer than the specified deadline",
        )
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "PodFailed")
        assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
        ends = [event for event in cluster.events("late") if "Started" not in event][-2:]
        assert ends == [
            "DeadlineExceeded: Pod was active on the node longer than the specified deadline",
            "Killing: Stopping container main",
        ]
        assert not cluster.pod("late")["metadata"].get("deletionTimestamp")
        cluster.api.delete(PODS, "default", "late")
        await cluster.until_gone("late")


async def test_a_volume_that_cannot_be_written_is_tried_again(
    cluster: Cluster, make: MakePod
) -> None:
    name = {"name": "settings", "namespace": "default"}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"a": "1"}}
    cluster.api.create(CONFIG_MAPS, settings)
    items = [{"key": "a", "path": "a"}, {"key": "a", "path": "a/b"}]
    volumes = [{"name": "v", "configMap": {"name": "settings", "items": items}}]
    long = [{"name": "v", "configMap": {"name": "settings", "items": [
        {"key": "a", "path": "x" * 300}]}}]  # fmt: skip
    container = {"volumeMounts": [{"name": "v", "mountPath": "/v"}], "ports": []}
    async with cluster.kubelet():
        cluster.create(make("twice", "busybox", container=container, volumes=volumes))
        cluster.create(make("long", "busybox", container=container, volumes=long))
        await cluster.until_event("twice", 'FailedMount: MountVolume.SetUp failed for volume "v"')
        await cluster.until_event("long", "File name too long")
        creating = {"waiting": {"reason": "ContainerCreating"}}
        await cluster.until(lambda: cluster.state("twice") == creating)
        for pod in ("twice", "long"):
            cluster.api.delete(PODS, "default", pod, {"gracePeriodSeconds": 0})
            await cluster.until_gone(pod)
