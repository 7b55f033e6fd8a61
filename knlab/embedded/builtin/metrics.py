"""`metrics.k8s.io`: what pods and the node use, as objects made from measurements on demand.

Only measured containers are shown. A pod none of whose containers is a process of its own has no
PodMetrics, as on a cluster whose metrics server has not seen it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, TypeAlias

from knlab.embedded.builtin.boot import NODE
from knlab.embedded.builtin.kinds import NODES, PODS
from knlab.embedded.kube.controller import View
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Column, Resource
from knlab.embedded.kube.subresources import Virtual

GROUP: Final = "metrics.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What something used in the `window` seconds before `when` (epoch seconds)."""

    cores: float
    memory_bytes: int
    when: float
    window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerUsage:
    """What one container of the pod with `uid` used."""

    uid: str
    container: str
    used: Used


Containers: TypeAlias = Callable[[], Sequence[ContainerUsage]]
WholeNode: TypeAlias = Callable[[], Used]


def metrics(view: View, containers: Containers, node: WholeNode) -> tuple[Virtual, ...]:
    """The resources of the group: both are only read."""
    of_nodes = _row("nodes", "NodeMetrics", namespaced=False)
    of_pods = _row("pods", "PodMetrics", namespaced=True)
    return (
        Virtual(of_nodes, items=lambda: _node_metrics(view, node())),
        Virtual(of_pods, items=lambda: pod_metrics(view.list(PODS), containers())),
    )


def pod_metrics(pods: Iterable[Object], usages: Iterable[ContainerUsage]) -> list[Object]:
    """PodMetrics of those of `pods` with measured containers, in their order."""
    by_pod = {
        uid: list(group)
        for uid, group in groupby(sorted(usages, key=_place), key=lambda usage: usage.uid)
    }
    return [
        _of_pod(pod["metadata"], by_pod[pod["metadata"]["uid"]])
        for pod in pods
        if pod["metadata"]["uid"] in by_pod
    ]


def _place(usage: ContainerUsage) -> tuple[str, str]:
    return usage.uid, usage.container


def _of_pod(metadata: Object, usages: Sequence[ContainerUsage]) -> Object:
    latest = max((usage.used for usage in usages), key=lambda used: used.when)
    return {
        **_head("PodMetrics", metadata, latest),
        "containers": [
            {"name": usage.container, "usage": _amounts(usage.used)} for usage in usages
        ],
    }


def _node_metrics(view: View, used: Used) -> list[Object]:
    node = view.find(NODES, "", NODE)
    if node is None:
        return []
    return [{**_head("NodeMetrics", node["metadata"], used), "usage": _amounts(used)}]


def _head(kind: str, metadata: Object, used: Used) -> Object:
    about = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    moment = timestamp(used.when)
    return {
        "kind": kind,
        "apiVersion": f"{GROUP}/v1beta1",
        "metadata": about | {"creationTimestamp": moment},
        "timestamp": moment,
        "window": f"{used.window:.3f}s",
    }


def _amounts(used: Used) -> Object:
    return {"cpu": f"{round(used.cores * 1e9)}n", "memory": f"{used.memory_bytes // 1024}Ki"}


def _cell(name: str) -> Callable[[Object, float], str]:
    return lambda obj, _now: str((obj.get("usage") or {}).get(name, ""))


def _row(plural: str, kind: str, *, namespaced: bool) -> Resource:
    name = Column("Name", cell=lambda obj, _now: obj["metadata"]["name"], format="name")
    amounts = () if namespaced else (Column("cpu", cell=_cell("cpu")),)
    return Resource(
        group=GROUP, version="v1beta1", plural=plural, kind=kind, namespaced=namespaced,
        verbs=("get", "list"), has_status=False, has_generation=False, columns=(name, *amounts),
    )  # fmt: skip
