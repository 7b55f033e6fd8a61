from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.builtin.metrics import ContainerUsage, Used, metrics, pod_metrics
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import NotFound
from knlab.embedded.kube.listing import EVERYTHING, Query
from knlab.embedded.kube.objects import Object
from tests.factories import NOW, NOW_TEXT, make

USED = Used(cores=0.25, memory_bytes=3 * 2**20, when=NOW, window=15.0)


def usage(pod: str, container: str = "c", used: Used = USED) -> ContainerUsage:
    return ContainerUsage(uid=f"uid-pod-{pod}", container=container, used=used)


def pod(name: str, namespace: str = "default") -> Object:
    return make("v1", "Pod", name, namespace, metadata={"labels": {"app": name}})


def test_a_pod_shows_what_each_of_its_containers_used() -> None:
    later = Used(cores=0.0, memory_bytes=0, when=NOW + 1, window=15.0)
    (found,) = pod_metrics([pod("web")], [usage("web", "b", later), usage("web", "a")])
    assert found == {
        "kind": "PodMetrics",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {
            "name": "web", "namespace": "default", "labels": {"app": "web"},
            "creationTimestamp": "2025-10-09T08:53:21Z",
        },
        "timestamp": "2025-10-09T08:53:21Z",
        "window": "15.000s",
        "containers": [
            {"name": "a", "usage": {"cpu": "250000000n", "memory": "3072Ki"}},
            {"name": "b", "usage": {"cpu": "0n", "memory": "0Ki"}},
        ],
    }  # fmt: skip


def test_pods_that_nobody_measured_are_left_out_and_unknown_ones_ignored() -> None:
    found = pod_metrics([pod("a"), pod("b")], [usage("b"), usage("gone")])
    assert [item["metadata"]["name"] for item in found] == ["b"]


def test_the_group_is_read_like_any_other(api: Api) -> None:
    for name in ("a", "b"):
        spec = {"containers": [{"name": "c", "image": "i:1"}]}
        metadata = {"name": name, "namespace": "default", "labels": {"app": name}}
        api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    measured = [
        ContainerUsage(uid=item["metadata"]["uid"], container="c", used=USED)
        for item in api.list(PODS)
    ]
    nodes, pods = metrics(api, lambda: measured, lambda: USED)
    assert {each.row.verbs for each in (nodes, pods)} == {("get", "list")}

    def names(namespace: str | None, query: Query = EVERYTHING) -> list[str]:
        return [item["metadata"]["name"] for item in pods.page(namespace, query, 7).items]

    assert names(None) == names("default") == ["a", "b"]
    assert names("other") == []
    assert names(None, Query(labels="app=b")) == ["b"]
    assert names(None, Query(fields="metadata.name=a")) == ["a"]
    assert pods.page(None, EVERYTHING, 7).version == 7
    assert pods.find("default", "a")["metadata"]["name"] == "a"
    with pytest.raises(NotFound, match=r'pods\.metrics\.k8s\.io "default/c" not found'):
        pods.find("default", "c")


def test_the_node_shows_what_everything_used(api: Api) -> None:
    nodes, _ = metrics(api, list, lambda: USED)
    (found,) = nodes.page(None, EVERYTHING, 1).items
    assert found["metadata"]["name"] == "knlab"
    assert found["usage"] == {"cpu": "250000000n", "memory": "3072Ki"}
    assert found["timestamp"] == NOW_TEXT
    cells = [column.cell(found, NOW) for column in nodes.row.columns if column.cell]
    assert cells == ["knlab", "250000000n"]
