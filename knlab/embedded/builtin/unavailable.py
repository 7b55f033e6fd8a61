"""Kinds that can be looked for and are never there: no control loop would follow them.

Lists are empty as on a new cluster, so that `kubectl get all` and `kubectl describe ns` say the
same; creating one is refused in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knlab.embedded.builtin.schemas import schema_of
from knlab.embedded.kube.errors import NotImplementedHere
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource, ScalePaths, Strategy

_ALL: Final = ("all",)


def unavailable_rows() -> Iterable[Resource]:
    """One row for each kind that is looked for."""
    yield _row("", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc")
    yield _row("", "persistentvolumes", "PersistentVolume", "pv", namespaced=False)
    yield _row("", "podtemplates", "PodTemplate", has_status=False)
    yield _row(
        "", "replicationcontrollers", "ReplicationController", "rc", categories=_ALL,
        scale=ScalePaths(),
    )  # fmt: skip
    yield _row("apps", "controllerrevisions", "ControllerRevision", has_status=False)
    yield _row("apps", "daemonsets", "DaemonSet", "ds", categories=_ALL)
    yield _row("apps", "statefulsets", "StatefulSet", "sts", categories=_ALL, scale=ScalePaths())
    yield _row("batch", "cronjobs", "CronJob", "cj", categories=_ALL)
    yield _row(
        "networking.k8s.io", "ingressclasses", "IngressClass", namespaced=False, has_status=False
    )
    yield _row("networking.k8s.io", "ingresses", "Ingress", "ing")
    yield _row("networking.k8s.io", "networkpolicies", "NetworkPolicy", "netpol", has_status=False)
    yield _row(
        "storage.k8s.io", "storageclasses", "StorageClass", "sc", namespaced=False, has_status=False
    )


def refusing(name: str) -> Strategy:
    """The strategy of a kind that cannot be created here."""

    def refuse(new: Object, old: Object | None) -> Object:
        if old is None:
            raise NotImplementedHere(f"{name} are not available on this cluster")
        return new

    return Strategy(refuse)


def _row(
    group: str,
    plural: str,
    kind: str,
    *short_names: str,
    namespaced: bool = True,
    has_status: bool = True,
    categories: tuple[str, ...] = (),
    scale: ScalePaths | None = None,
) -> Resource:
    short = group.partition(".")[0] or "core"
    return Resource(
        group=group,
        version="v1",
        plural=plural,
        kind=kind,
        short_names=short_names,
        namespaced=namespaced,
        has_status=has_status,
        categories=categories,
        scale=scale,
        strategy=refusing(f"{plural}.{group}" if group else plural),
        schema=schema_of(f"{short}.v1.{kind}"),
    )
