"""Pods run as real processes, with Kubernetes' states, events and ends."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

import pytest

from knlab.embedded.builtin.kinds import CONFIG_MAPS, PODS
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.addresses import own_addresses
from knlab.embedded.runtime import Container, Task

pytestmark = pytest.mark.anyio

Cluster = Any
MakePod = Any


async def test_a_pod_is_a_process_that_answers_at_the_pods_address(
    cluster: Cluster, make: MakePod
) -> None:
    async with cluster.kubelet():
        container = {"env": [{"name": "TARGET", "value": "Pod"}, {"name": "PORT", "value": "8080"}]}
        cluster.create(make("hello", container=container))
        pod = await cluster.until_ready("hello")
        async with asyncio.timeout(5):
            while True:
                with suppress(ConnectionRefusedError):
                    text = await cluster.get("hello")
                    break
        assert text == "Hello Pod!\n"
    status = pod["status"]
    assert status["phase"] == "Running"
    assert status["hostIP"] == "127.0.0.1"
    assert status["podIPs"] == [{"ip": status["podIP"]}]
    assert status["qosClass"] == "BestEffort"
    assert [(one["type"], one["status"]) for one in status["conditions"]] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]
    only = status["containerStatuses"][0]
    assert only["imageID"].startswith("dev.local/hello@sha256:")
    assert only["containerID"].startswith("knlab://")
    assert (only["started"], only["restartCount"]) == (True, 0)
    assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == 8080
    expected = f"{status['podIP']}:8080" if own_addresses() else "127.0.0.1:"
    assert pod["metadata"]["annotations"]["knlab.dev/address"].startswith(expected)
    assert cluster.events("hello") == [
        'Pulled: Container image "dev.local/hello:v1" already present on machine',
        "Created: Created container: main",
        "Started: Started container main",
    ]


@pytest.mark.parametrize("ports", [[{"containerPort": 8080}], []], ids=["declared", "unsaid"])
async def test_two_pods_have_the_same_port_and_different_addresses(
    cluster: Cluster, make: MakePod, ports: list[Object]
) -> None:
    probe = {"readinessProbe": {"httpGet": {"path": "/", "port": 8080}}, "ports": ports}
    async with cluster.kubelet():
        for name in ("one", "two"):
            target = {"env": [{"name": "TARGET", "value": name}]}
            cluster.create(make(name, container=probe | target))
        for name in ("one", "two"):
            await cluster.until_ready(name)
            assert await cluster.get(name) == f"Hello {name}!\n"
    assert cluster.status("one")["podIP"] != cluster.status("two")["podIP"]


async def test_a_users_program_is_reached_through_a_free_port(
    cluster: Cluster, make: MakePod
) -> None:
    server = (
        "import http.server, os\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'mine')\n"
        "http.server.HTTPServer(('', int(os.environ['PORT'])), H).serve_forever()"
    )
    image = cluster.register("mine", "python3", "-c", server)
    probe = {"readinessProbe": {"tcpSocket": {"port": 8080}}}
    async with cluster.kubelet():
        cluster.create(make("mine", image, container=probe))
        pod = await cluster.until_ready("mine")
        assert await cluster.get("mine") == "mine"
        assert pod["metadata"]["annotations"]["knlab.dev/address"].startswith("127.0.0.1:")


async def test_a_config_map_reaches_the_program(cluster: Cluster, make: MakePod) -> None:
    cluster.api.create(
        CONFIG_MAPS,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "default"},
            "data": {"target": "Config"},
        },
    )
    reference = {"configMapKeyRef": {"name": "settings", "key": "target"}}
    container = {
        "env": [{"name": "TARGET", "valueFrom": reference}],
        "readinessProbe": {"tcpSocket": {"port": 8080}},
    }
    async with cluster.kubelet():
        cluster.create(make("hello", container=container))
        await cluster.until_ready("hello")
        assert await cluster.get("hello") == "Hello Config!\n"


async def test_a_command_of_the_host_never_runs(cluster: Cluster, make: MakePod) -> None:
    async with cluster.kubelet():
        cluster.create(make("evil", container={"command": ["touch"], "args": ["x"]}))
        await cluster.until(lambda: "BackOff" in str(cluster.state("evil").get("waiting")))
    ended = cluster.container("evil")["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert ended["message"].endswith('exec: "touch": executable file not found in $PATH: unknown')


async def test_volumes_of_a_users_own_program_are_refused_with_an_event(
    cluster: Cluster, make: MakePod
) -> None:
    image = cluster.shell("own", "sleep 60")
    mounts = {"volumeMounts": [{"name": "cache", "mountPath": "/cache"}]}
    volumes = [{"name": "cache", "emptyDir": {}}]
    async with cluster.kubelet():
        cluster.create(make("cached", image, container=mounts, volumes=volumes))
        await cluster.until_event("cached", "FailedMount")
        assert "mounts nothing" in cluster.events("cached")[0]
        assert cluster.state("cached")["waiting"] == {"reason": "ContainerCreating"}


async def test_a_task_is_a_container_like_any_other(cluster: Cluster, make: MakePod) -> None:
    async def component(container: Container) -> None:
        container.log(f"{container.name} at {container.ip} as {container.env['ROLE']}")
        await container.stopping.wait()
        container.log("bye")

    cluster.images.add("knative.dev/component:v1", Task(component))
    env = {"env": [{"name": "ROLE", "value": "test"}]}
    async with cluster.kubelet():
        cluster.create(make("component", "knative.dev/component:v1", container=env))
        pod = await cluster.until_ready("component")
        first = f"main at {pod['status']['podIP']} as test"
        assert await cluster.first_line("component") == first
        following = asyncio.ensure_future(cluster.log("component", "follow=true"))
        await asyncio.sleep(0)
        with cluster.store.subscribe(PODS) as changes:
            cluster.api.delete(PODS, "default", "component")
            await cluster.until_gone("component")
            assert changes.take()[-1].object["status"]["phase"] == "Succeeded"
        assert (await following).startswith(first)


async def test_an_exception_in_a_task_is_exit_code_1_with_its_traceback_in_the_log(
    cluster: Cluster, make: MakePod
) -> None:
    async def component(_container: Container) -> None:
        raise RuntimeError("out of luck")

    cluster.images.add("knative.dev/component:v1", Task(component))
    async with cluster.kubelet():
        cluster.create(make("component", "knative.dev/component:v1"))
        await cluster.until(lambda: "BackOff" in str(cluster.state("component").get("waiting")))
        assert "RuntimeError: out of luck" in await cluster.log("component")
    assert cluster.container("component")["lastState"]["terminated"]["exitCode"] == 1


async def test_pods_come_back_after_a_restart_of_the_cluster(
    cluster: Cluster, make: MakePod
) -> None:
    async with cluster.kubelet():
        cluster.create(make("hello"))
        before = (await cluster.until_ready("hello"))["status"]
    assert cluster.pod("hello")["status"]["containerStatuses"][0]["state"]["running"]
    async with cluster.kubelet():
        await cluster.until(lambda: cluster.container("hello")["restartCount"] == 1)
        await cluster.until_ready("hello")
        after = cluster.status("hello")
    assert after["podIP"] == before["podIP"]
    assert after["startTime"] == before["startTime"]
    ended = after["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (255, "Unknown")


async def test_a_pod_that_was_terminating_goes_at_the_next_start(
    cluster: Cluster, make: MakePod
) -> None:
    async with cluster.kubelet():
        cluster.create(make("hello"))
        await cluster.until_ready("hello")
    cluster.api.delete(PODS, "default", "hello")
    async with cluster.kubelet():
        await cluster.until_gone("hello")


async def test_stopping_the_kubelet_leaves_no_process(
    cluster: Cluster, make: MakePod, alive: Any
) -> None:
    image = cluster.shell("stubborn", "trap '' TERM; echo $$; sleep 1000 & wait; sleep 1000")
    async with cluster.kubelet():
        cluster.create(make("stubborn", image))
        pid = int(await cluster.first_line("stubborn"))
        assert os.getpgid(pid) == pid
    assert not alive(pid)
