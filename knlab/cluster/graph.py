"""What Knative made of a Service: the objects below it, by their owner references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from knlab._html import html_table
from knlab.cluster import kubernetes as k8s
from knlab.cluster.kubernetes import Kind

Object: TypeAlias = dict[str, Any]

_SERVING: Final = "serving.knative.dev/v1"
_INTERNAL: Final = "networking.internal.knative.dev/v1alpha1"
KINDS: Final = (
    Kind(_SERVING, "Configuration"),
    Kind(_SERVING, "Route"),
    k8s.REVISION,
    k8s.DEPLOYMENT,
    Kind("apps/v1", "ReplicaSet"),
    k8s.POD,
    k8s.POD_AUTOSCALER,
    Kind("autoscaling.internal.knative.dev/v1alpha1", "Metric"),
    Kind(_INTERNAL, "ServerlessService"),
    Kind(_INTERNAL, "Ingress"),
    Kind("caching.internal.knative.dev/v1alpha1", "Image"),
    k8s.CORE_SERVICE,
)
"""Kinds that Knative makes out of a Service."""


@dataclass(frozen=True, slots=True)
class Node:
    """One object of the graph; the Service itself has depth 0."""

    depth: int
    kind: str
    group: str
    """API group; empty for the core of Kubernetes."""
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class ObjectGraph:
    """A Service and everything below it, parents before children."""

    nodes: tuple[Node, ...]

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return "\n".join(f"{'   ' * each.depth}{each.kind} {each.name}" for each in self.nodes)

    def _repr_html_(self) -> str:
        rows = [
            ("\N{NO-BREAK SPACE}" * 6 * each.depth + each.kind, each.name, each.group or "core")
            for each in self.nodes
        ]
        return html_table(("kind, below its owner", "name", "API group"), rows)

    @property
    def frame(self) -> Any:
        """A DataFrame with one row per object."""
        import pandas as pd  # noqa: PLC0415 - slow to import, and most callers never ask

        names = ("kind", "name", "group", "owner", "depth")
        frame = pd.DataFrame([{name: getattr(each, name) for name in names} for each in self.nodes])
        return frame.replace({"group": {"": "core"}})


def graph(root: Object, others: Iterable[Object]) -> ObjectGraph:
    """`root` and those of `others` that it owns, directly or through their owners."""
    children: dict[str, list[Object]] = {}
    for obj in others:
        for owner in obj["metadata"].get("ownerReferences") or ():
            if owner.get("controller"):
                children.setdefault(owner["uid"], []).append(obj)

    def below(obj: Object, depth: int, owner: str) -> Iterator[Node]:
        group, _, _ = obj["apiVersion"].rpartition("/")
        name = obj["metadata"]["name"]
        yield Node(depth, obj["kind"], group, name, owner)
        for child in sorted(children.get(obj["metadata"]["uid"], ()), key=_place):
            yield from below(child, depth + 1, f"{obj['kind']} {name}")

    return ObjectGraph(tuple(below(root, 0, "")))


def _place(obj: Object) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]
