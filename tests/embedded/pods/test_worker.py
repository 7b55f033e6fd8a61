"""How the containers of one pod begin, fail, are probed, come again and end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.net.http import Request, Response, text_response
from knlab.embedded.runtime import Container, Task

pytestmark = pytest.mark.anyio

STUBBORN = "trap 'echo TERM' TERM; echo up; while :; do sleep 0.05; done"

Cluster = Any
MakePod = Any


async def test_deleting_a_pod_ends_its_process_and_then_removes_it(
    cluster: Cluster, make: MakePod, alive: Any
) -> None:
    image = cluster.shell("worker", "echo $$; exec sleep 1000")
    async with cluster.kubelet():
        cluster.create(make("worker", image))
        pid = int(await cluster.first_line("worker"))
        assert alive(pid)
        with cluster.store.subscribe(PODS) as changes:
            cluster.api.delete(PODS, "default", "worker")
            assert cluster.pod("worker")["metadata"]["deletionTimestamp"]
            await cluster.until_gone("worker")
            seen = changes.take()
        assert not alive(pid)
    last = seen[-1].object["status"]
    types = [change.type for change in seen]
    assert types == ["MODIFIED"] * (len(types) - 1) + ["DELETED"]
    assert last["phase"] == "Failed"
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
    assert "Killing: Stopping container main" in cluster.events("worker")
    assert not list((cluster.directory / "pods").iterdir())


async def test_the_hook_comes_before_term_and_kill_comes_when_the_grace_is_over(
    cluster: Cluster, make: MakePod
) -> None:
    image = cluster.shell(
        "stubborn", "trap 'echo TERM' TERM; echo up; while :; do sleep 0.05; done"
    )
    asked: list[str] = []

    async def drain(request: Request) -> Response:
        asked.append(await cluster.log("stubborn"))
        return text_response(200, "")

    hook = {"preStop": {"httpGet": {"path": "/wait-for-drain", "port": 8022}}}
    async with cluster.kubelet():
        cluster.create(make("stubborn", image, container={"lifecycle": hook}))
        await cluster.first_line("stubborn")
        with (
            cluster.network.listening((cluster.status("stubborn")["podIP"], 8022), drain),
            cluster.store.subscribe(PODS) as changes,
        ):
            cluster.api.delete(PODS, "default", "stubborn", {"gracePeriodSeconds": 1})
            following = asyncio.ensure_future(cluster.log("stubborn", "follow=true"))
            await cluster.until_gone("stubborn")
            last = changes.take()[-1].object["status"]
        assert await following == "up\nTERM\n"
    assert asked == ["up\n"]
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


async def test_a_forced_delete_kills_at_once(cluster: Cluster, make: MakePod, dead: Any) -> None:
    image = cluster.shell("stubborn", "trap '' TERM; echo $$; while :; do sleep 0.05; done")
    async with cluster.kubelet():
        cluster.create(make("stubborn", image))
        pid = int(await cluster.first_line("stubborn"))
        cluster.api.delete(PODS, "default", "stubborn", {"gracePeriodSeconds": 0})
        await dead(pid, 1.5)


async def test_a_crashing_container_is_restarted_once_and_then_backs_off(
    cluster: Cluster, make: MakePod
) -> None:
    image = cluster.shell("crash", "echo dying >&2; exit 3")
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    async with cluster.kubelet():
        cluster.create(make("crash", image, container=policy))
        await cluster.until(lambda: "BackOff" in str(cluster.state("crash").get("waiting")))
        status = cluster.container("crash")
        uid = cluster.pod("crash")["metadata"]["uid"]
        assert await cluster.log("crash") == "dying\n"
        assert await cluster.log("crash", "previous=true") == "dying\n"
    assert status["restartCount"] == 1
    assert status["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 10s restarting failed container=main pod=crash_default({uid})",
    }
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "dying\n")
    assert cluster.status("crash")["phase"] == "Running"
    assert (
        f"BackOff: Back-off restarting failed container main in pod crash_default({uid})"
        in cluster.events("crash")
    )


@pytest.mark.parametrize(
    ("code", "phase", "reason"),
    [(0, "Succeeded", "PodCompleted"), (4, "Failed", "PodFailed")],
)
async def test_a_pod_that_is_not_restarted_ends_with_its_container(
    cluster: Cluster, make: MakePod, code: int, phase: str, reason: str
) -> None:
    image = cluster.shell("once", f"exit {code}")
    async with cluster.kubelet():
        cluster.create(make("once", image, restartPolicy="Never"))
        await cluster.until(lambda: cluster.status("once").get("phase") == phase)
        ready = next(one for one in cluster.status("once")["conditions"] if one["type"] == "Ready")
        assert (ready["status"], ready["reason"]) == ("False", reason)
        cluster.api.delete(PODS, "default", "once")
        await cluster.until_gone("once")


async def test_an_image_that_nobody_has_is_backed_off(cluster: Cluster, make: MakePod) -> None:
    async with cluster.kubelet():
        with cluster.store.subscribe(PODS) as changes:
            cluster.create(make("none", "nope.example.com/none:v1"))
            await cluster.until(
                lambda: (
                    (cluster.state("none").get("waiting") or {}).get("reason") == "ImagePullBackOff"
                )
            )
            assert changes.take()
    assert cluster.status("none")["phase"] == "Pending"
    why = cluster.state("none")["waiting"]["message"]
    assert why.startswith('Back-off pulling image "nope.example.com/none:v1": ErrImagePull: ')
    assert "lookup nope.example.com: no such host" in why
    assert [event.partition(":")[0] for event in cluster.events("none")] == [
        "Pulling", "Failed", "Failed", "BackOff", "Failed",
    ]  # fmt: skip


async def test_a_missing_config_map_is_a_config_error(cluster: Cluster, make: MakePod) -> None:
    reference = {"configMapKeyRef": {"name": "settings", "key": "target"}}
    env = {"env": [{"name": "TARGET", "valueFrom": reference}]}
    async with cluster.kubelet():
        cluster.create(make("hello", container=env))
        await cluster.until(lambda: "Config" in str(cluster.state("hello").get("waiting")))
        assert cluster.state("hello")["waiting"] == {
            "reason": "CreateContainerConfigError",
            "message": 'configmap "settings" not found',
        }
        assert 'Failed: Error: configmap "settings" not found' in cluster.events("hello")


async def test_init_containers_run_one_after_the_other_and_first(
    cluster: Cluster, make: MakePod
) -> None:
    image = cluster.shell("step", "date +%s%N; exit 0")
    inits = [{"name": name, "image": image} for name in ("first", "second")]
    async with cluster.kubelet():
        cluster.create(make("hello", initContainers=inits))
        await cluster.until_ready("hello")
        times = [int(await cluster.log("hello", f"container={one['name']}")) for one in inits]
    assert times == sorted(times)
    states = [one["state"] for one in cluster.status("hello")["initContainerStatuses"]]
    assert [state["terminated"]["reason"] for state in states] == ["Completed", "Completed"]


async def test_a_failed_liveness_probe_restarts_the_container(
    cluster: Cluster, make: MakePod
) -> None:
    async def component(container: Container) -> None:
        await container.stopping.wait()

    cluster.images.add("knative.dev/component:v1", Task(component))
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    container = {"livenessProbe": probe}
    async with cluster.kubelet():
        cluster.create(make("dead", "knative.dev/component:v1", container=container))
        await cluster.until(lambda: cluster.container("dead").get("restartCount", 0) >= 1)
    events = cluster.events("dead")
    assert "Killing: Container main failed liveness probe, will be restarted" in events
    assert any(event.startswith("Unhealthy: Liveness probe failed: dial tcp") for event in events)


async def test_readiness_follows_the_probe(cluster: Cluster, make: MakePod) -> None:
    status = 503

    async def answer(request: Request) -> Response:
        assert request.header("User-Agent") == "kube-probe/1.34"
        assert request.header("K-Network-Probe") == "queue"
        return text_response(status, "")

    async def component(container: Container) -> None:
        with cluster.network.listening((container.ip, 8012), answer):
            await container.stopping.wait()

    cluster.images.add("knative.dev/component:v1", Task(component))
    header = {"name": "K-Network-Probe", "value": "queue"}
    probe = {"httpGet": {"port": 8012, "httpHeaders": [header]}, "periodSeconds": 1}
    container = {"readinessProbe": probe}
    async with cluster.kubelet():
        cluster.create(make("probed", "knative.dev/component:v1", container=container))
        await cluster.until_event("probed", "Unhealthy")
        assert not cluster.container("probed")["ready"]
        status = 200
        await cluster.until_ready("probed")
    unhealthy = "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503"
    assert unhealthy in cluster.events("probed")
