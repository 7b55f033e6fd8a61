"""What people do with the `kr8s` package, on a cluster that it knows nothing of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import kr8s
import kr8s.asyncio
import kr8s.asyncio.objects
import kr8s.objects
import pytest
from kr8s._async_utils import Portal

import knlab
from knlab._state import Running
from knlab.cluster.cluster import Cluster

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def api(running: Running, namespace: str) -> Iterator[Any]:
    made = kr8s.api(kubeconfig=running.kubeconfig, namespace=namespace)
    yield made
    Portal().call(made._session.aclose)  # kr8s leaves its connections to the end of the process


@pytest.fixture
async def async_api(running: Running, namespace: str) -> AsyncIterator[Any]:
    made = await kr8s.asyncio.api(kubeconfig=running.kubeconfig, namespace=namespace)
    yield made
    await made._session.aclose()


@pytest.fixture(scope="module")
def service_class(cluster: Cluster) -> Any:
    return kr8s.objects.new_class(
        kind="Service", version="serving.knative.dev/v1", namespaced=True, plural="services"
    )


@pytest.fixture(scope="module")
def service(api: Any, service_class: Any, namespace: str) -> Iterator[Any]:
    """A ready Knative Service."""
    container = {"image": knlab.images.HELLO}
    made = service_class(
        {
            "metadata": {"name": "hello", "namespace": namespace},
            "spec": {"template": {"spec": {"containers": [container]}}},
        },
        api=api,
    )
    made.create()
    made.wait("condition=Ready", timeout=20)
    yield made
    made.delete()
    made.wait("delete", timeout=20)
    assert not made.exists()


def config_map(namespace: str, name: str) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


def test_the_version(api: Any) -> None:
    assert api.version()["gitVersion"].startswith("v1.34")


def test_create_read_change_and_delete(api: Any, namespace: str) -> None:
    made = kr8s.objects.ConfigMap(config_map(namespace, "whole"), api=api)
    made.create()
    again = kr8s.objects.ConfigMap.get("whole", namespace=namespace, api=api)
    assert again.data == {"a": "1"}
    again.patch({"data": {"b": "2"}})
    again.patch([{"op": "remove", "path": "/data/a"}], type="json")
    again.label({"team": "blue"})
    again.annotate({"note": "x"})
    made.refresh()
    assert (made.data, made.labels, made.annotations) == (
        {"b": "2"}, {"team": "blue"}, {"note": "x"},
    )  # fmt: skip
    assert [each.name for each in api.get("cm", label_selector={"team": "blue"})] == ["whole"]
    made.delete()
    assert not made.exists()
    with pytest.raises(kr8s.NotFoundError):
        kr8s.objects.ConfigMap.get("whole", namespace=namespace, api=api)


def test_kinds_are_found_by_any_of_their_names(api: Any, service: Any) -> None:
    for name in ("ksvc", "kservice", "services.serving.knative.dev"):
        assert [(each.name, each.kind) for each in api.get(name)] == [("hello", "Service")]
    assert service.status["url"].startswith("http://hello.")


def test_a_service_is_patched_and_makes_a_revision(api: Any, service: Any) -> None:
    template = {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "1"}}}
    service.patch({"spec": {"template": template}})
    service.wait(["jsonpath='{.status.latestReadyRevisionName}'=hello-00002"], timeout=20)
    assert {each.name for each in api.get("revisions")} == {"hello-00001", "hello-00002"}


def test_the_pods_of_a_service_and_their_logs(api: Any, service: Any) -> None:
    pods = list(api.get("pods", label_selector={"serving.knative.dev/service": "hello"}))
    assert pods
    pods[0].wait("condition=Ready", timeout=20)
    assert any("helloworld: listening" in line for line in pods[0].logs(container="user-container"))


def test_commands_and_ports_of_a_pod(api: Any, service: Any) -> None:
    pod = next(iter(api.get("pods", label_selector={"serving.knative.dev/service": "hello"})))
    pod.wait("condition=Ready", timeout=20)
    assert pod.exec(["echo", "hello"], container="user-container").stdout == b"hello\n"
    with pod.portforward(remote_port=8080) as port:
        assert "Hello World!" in knlab.request(f"http://127.0.0.1:{port}").text


def test_who_i_am(api: Any) -> None:
    assert api.whoami() == "knlab"


def test_a_deployment_is_scaled(api: Any, namespace: str) -> None:
    labels = {"app": "scaled"}
    container = {"name": "main", "image": knlab.images.HELLO, "ports": [{"containerPort": 8080}]}
    made = kr8s.objects.Deployment(
        {
            "metadata": {"name": "scaled", "namespace": namespace},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        api=api,
    )
    made.create()
    made.scale(2)
    made.wait("condition=Available", timeout=20)
    made.wait("jsonpath='{.status.readyReplicas}'=2", timeout=20)
    assert len(made.pods()) == 2
    made.delete(propagation_policy="Foreground")


def test_a_watch(api: Any, namespace: str) -> None:
    made = kr8s.objects.ConfigMap(config_map(namespace, "watched"), api=api)
    made.create()
    events = api.watch("configmaps", field_selector="metadata.name=watched")
    assert next(events)[0] == "ADDED"
    made.delete()
    assert next(events)[0] == "DELETED"
    events.close()


@pytest.mark.anyio
async def test_the_same_with_asyncio(async_api: Any, namespace: str) -> None:
    made = await kr8s.asyncio.objects.ConfigMap(config_map(namespace, "later"), api=async_api)
    await made.create()
    assert "later" in [each.name async for each in async_api.get("configmaps")]
    await made.patch({"data": {"b": "2"}})
    await made.refresh()
    assert made.data == {"a": "1", "b": "2"}
    await made.delete()
    assert not await made.exists()
