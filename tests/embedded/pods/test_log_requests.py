"""Kubernetes' errors for logs that cannot be had."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.errors import BadRequest, Invalid, NotFound
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters

pytestmark = pytest.mark.anyio

Cluster = Any
MakePod = Any


def with_status(cluster: Cluster, pod: Object, **status: object) -> None:
    cluster.create(pod)

    def change(stored: Object) -> Object:
        stored["status"] = {"containerStatuses": [{"name": "main", **status}]}
        return stored

    cluster.api.patch(PODS, "default", pod["metadata"]["name"], change, subresource="status")


async def test_no_pod(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match='pods "none" not found'):
        await cluster.log("none")


async def test_a_container_must_be_chosen_from_many(cluster: Cluster, make: MakePod) -> None:
    pod = make("two")
    pod["spec"]["containers"].append({"name": "other", "image": "x"})
    cluster.create(pod)
    with pytest.raises(BadRequest) as caught:
        await cluster.log("two")
    assert caught.value.message == (
        "a container name must be specified for pod two, choose one of: [main other]"
    )


async def test_init_containers_are_to_be_named(cluster: Cluster, make: MakePod) -> None:
    pod = make("hello")
    pod["spec"]["initContainers"] = [{"name": "first", "image": "x"}]
    with_status(cluster, pod, state={"waiting": {"reason": "PodInitializing"}})
    with pytest.raises(BadRequest, match='container "main" in pod "hello" is waiting to start'):
        await cluster.log("hello")
    with pytest.raises(BadRequest, match='container "first" in pod "hello" is waiting to start'):
        await cluster.log("hello", "container=first")


async def test_a_container_that_the_pod_does_not_have(cluster: Cluster, make: MakePod) -> None:
    cluster.create(make("hello"))
    with pytest.raises(BadRequest, match="container zz is not valid for pod hello"):
        await cluster.log("hello", "container=zz")


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("ContainerCreating", "ContainerCreating"),
        ("ErrImagePull", "image can't be pulled"),
        ("ImagePullBackOff", "trying and failing to pull image"),
    ],
)
async def test_a_container_that_has_not_run(
    cluster: Cluster, make: MakePod, reason: str, shown: str
) -> None:
    with_status(cluster, make("hello"), state={"waiting": {"reason": reason}})
    with pytest.raises(BadRequest) as caught:
        await cluster.log("hello")
    assert caught.value.message == (f'container "main" in pod "hello" is waiting to start: {shown}')


async def test_no_instance_before_the_first(cluster: Cluster, make: MakePod) -> None:
    with_status(cluster, make("hello"), state={"running": {}}, restartCount=0)
    with pytest.raises(BadRequest, match='previous terminated container "main" in pod "hello"'):
        await cluster.log("hello", "previous=true")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=5&sinceTime=2023-11-14T22:13:20Z", "at most one of"),
    ],
)
async def test_options_that_mean_nothing(
    cluster: Cluster, make: MakePod, query: str, message: str
) -> None:
    cluster.create(make("hello"))
    with pytest.raises(Invalid) as caught:
        cluster.logs.read("default", "hello", Parameters(query))
    assert caught.value.message.startswith('PodLogOptions "hello" is invalid: ')
    assert message in caught.value.message


async def test_the_log_of_a_pod_without_node_is_empty(cluster: Cluster, make: MakePod) -> None:
    pod = make("hello")
    del pod["spec"]["nodeName"]
    cluster.create(pod)
    assert await cluster.log("hello", "follow=true") == ""


@pytest.mark.parametrize("text", ["x", "2026-13-45T00:00:00Z", "2026-01-01", "5"])
async def test_a_time_that_is_none(cluster: Cluster, make: MakePod, text: str) -> None:
    cluster.create(make("hello"))
    with pytest.raises(BadRequest, match=f'parsing time "{text}"'):
        cluster.logs.read("default", "hello", Parameters(f"sinceTime={text}"))


@pytest.mark.parametrize(
    "query",
    [
        "sinceSeconds=9223372036854775807",
        "sinceSeconds=99999999999",
        "sinceTime=0001-01-01T00:00:00Z",
        "sinceTime=",
        "limitBytes=9223372036854775807",
        "tailLines=9223372036854775807",
    ],
)
async def test_options_at_the_edge(cluster: Cluster, make: MakePod, query: str) -> None:
    image = cluster.shell("says", "echo here")
    async with cluster.kubelet():
        cluster.create(make("says", image, restartPolicy="Never"))
        await cluster.until(lambda: cluster.status("says").get("phase") == "Succeeded")
        assert await cluster.log("says", query) == "here\n"
