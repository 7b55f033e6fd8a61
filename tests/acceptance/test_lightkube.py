"""What people do with the `lightkube` package, on a cluster that it knows nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from lightkube import ApiError, Client, KubeConfig, codecs
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Node, Pod
from lightkube.types import CascadeType, PatchType

import knlab
from knlab._state import Running
from knlab.cluster.cluster import Cluster
from tests.acceptance.machine import eventually

KnativeService = create_namespaced_resource("serving.knative.dev", "v1", "Service", "services")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ name }}}
spec:
  replicas: 1
  selector: {matchLabels: {app: {{ name }}}}
  template:
    metadata: {labels: {app: {{ name }}}}
    spec:
      containers: [{name: main, image: "dev.local/hello:v1", ports: [{containerPort: 8080}]}]
"""


@pytest.fixture(scope="module")
def client(running: Running, namespace: str) -> Iterator[Client]:
    found = KubeConfig.from_file(running.kubeconfig).get()
    with Client(config=found, namespace=namespace, field_manager="tests") as made:
        yield made


@pytest.fixture(scope="module")
def service(client: Client, cluster: Cluster) -> Iterator[str]:
    """The name of a ready Knative Service."""
    containers = [{"image": knlab.images.HELLO}]
    spec = {"template": {"spec": {"containers": containers}}}
    client.create(KnativeService(metadata=ObjectMeta(name="hello"), spec=spec))
    client.wait(KnativeService, "hello", for_conditions=["Ready"], raise_for_conditions=[])
    yield "hello"
    client.delete(KnativeService, "hello", cascade=CascadeType.FOREGROUND)


def config_map(name: str, **data: str) -> Any:
    return ConfigMap(metadata=ObjectMeta(name=name, labels={"app": name}), data=data)


def test_create_read_change_and_delete(client: Client) -> None:
    made = client.create(config_map("whole", a="1"))
    assert made.metadata.uid
    read = client.get(ConfigMap, "whole")
    read.data["b"] = "2"
    assert client.replace(read).data == {"a": "1", "b": "2"}
    with pytest.raises(ApiError) as stale:
        client.replace(read)
    assert stale.value.status.reason == "Conflict"
    client.delete(ConfigMap, "whole")
    with pytest.raises(ApiError, match='configmaps "whole" not found'):
        client.get(ConfigMap, "whole")


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        (PatchType.STRATEGIC, {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        (PatchType.MERGE, {"data": {"a": None, "c": "3"}}, {"c": "3"}),
        (PatchType.JSON, [{"op": "add", "path": "/data/d", "value": "4"}], {"a": "1", "d": "4"}),
    ],
)
def test_patches(client: Client, kind: PatchType, change: Any, expected: dict[str, str]) -> None:
    client.create(config_map("patched", a="1"))
    patched = client.patch(ConfigMap, "patched", change, patch_type=kind)
    client.delete(ConfigMap, "patched")
    assert patched.data == expected


def test_lists_with_selectors_and_pages(client: Client) -> None:
    for number in range(3):
        client.create(config_map(f"page-{number}"))
    chosen = {"app": ["page-0", "page-2"]}
    listed = client.list(ConfigMap, labels=chosen, chunk_size=1)
    assert [each.metadata.name for each in listed] == ["page-0", "page-2"]
    client.deletecollection(ConfigMap)
    assert not [each for each in client.list(ConfigMap) if each.metadata.name.startswith("page")]
    assert client.get(Node, "knlab").status.nodeInfo.kubeletVersion.startswith("v1.34")
    assert "default" in {each.metadata.name for each in client.list(Namespace)}


def test_a_file_of_objects(client: Client, namespace: str) -> None:
    for obj in codecs.load_all_yaml(DEPLOYMENT, context={"name": "loaded"}):
        client.create(obj)
    client.wait(Deployment, "loaded", for_conditions=["Available"])
    scale = client.get(Deployment.Scale, "loaded")
    scale.spec.replicas = 2
    client.replace(scale, "loaded")
    eventually(
        "the second pod is ready",
        lambda: client.get(Deployment.Status, "loaded").status.readyReplicas == 2,
        within=20,
    )
    client.delete(Deployment, "loaded", cascade=CascadeType.FOREGROUND)


def test_server_side_apply_and_its_conflicts(client: Client) -> None:
    assert client.apply(applied(a="1"), field_manager="first").data == {"a": "1"}
    with pytest.raises(ApiError, match=r'conflict with "first": \.data\.a') as refused:
        client.apply(applied(a="2"), field_manager="second")
    assert refused.value.status.code == 409
    assert client.apply(applied(a="2"), field_manager="second", force=True).data == {"a": "2"}


def applied(**data: str) -> Any:
    return ConfigMap(
        apiVersion="v1", kind="ConfigMap", metadata=ObjectMeta(name="applied"), data=data
    )


def test_a_watch_tells_what_happens_after_a_list(client: Client) -> None:
    before = client.list(ConfigMap)
    list(before)
    client.create(config_map("watched"))
    client.delete(ConfigMap, "watched")
    with closing(client.watch(ConfigMap, resource_version=before.resourceVersion)) as events:
        seen = [(what, obj.metadata.name) for what, obj in (next(events), next(events))]
    assert seen == [("ADDED", "watched"), ("DELETED", "watched")]


def test_a_knative_service(client: Client, service: str) -> None:
    found = client.get(KnativeService, service)
    assert found.status["url"].startswith("http://hello.")
    assert [each.metadata.name for each in client.list(KnativeService)] == [service]
    labelled = client.patch(KnativeService, service, {"metadata": {"labels": {"team": "blue"}}},
                            patch_type=PatchType.MERGE)  # fmt: skip
    assert labelled.metadata.labels == {"team": "blue"}


def test_logs_whole_and_followed(client: Client, service: str) -> None:
    pod = next(iter(client.list(Pod, labels={"serving.knative.dev/service": service})))
    name = pod.metadata.name
    client.wait(Pod, name, for_conditions=["Ready"])
    lines = list(client.log(name, container="user-container"))
    assert any("helloworld: listening" in line for line in lines)
    with closing(client.log(name, container="user-container", follow=True)) as followed:
        assert next(followed) == lines[0]
