"""How built-in kinds come and go: what Pods need, their grace, finalizers of Namespaces, CRDs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from knlab.embedded.builtin import limit_ranges, pod_admission, priority_classes, resource_quotas
from knlab.embedded.builtin.kinds import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EVENTS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PODS,
    PRIORITY_CLASSES,
    VALIDATING_WEBHOOKS,
)
from knlab.embedded.builtin.validation.priority_classes import SYSTEM_CLASSES
from knlab.embedded.kube.backing import Lifecycle, ServerKinds
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Store

CLEANUP_FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
PERMANENT_NAMESPACES: Final = ("default", "kube-system", "kube-public")

SERVER_KINDS: Final = ServerKinds(
    namespaces=NAMESPACES,
    events=EVENTS,
    mutating_webhooks=MUTATING_WEBHOOKS,
    validating_webhooks=VALIDATING_WEBHOOKS,
)
"""The kinds that the server itself reads or writes."""


def admit(store: Store, resource: Resource, new: Object) -> None:
    """Fill in what the cluster has for a new object.

    Raises:
        Forbidden: something that it names is not there.
    """
    limit_ranges.admit(store, resource, new)
    pod_admission.admit(store, resource, new)


def approve(store: Store, resource: Resource, new: Object, old: Object | None) -> None:
    """Return if the cluster has room for `new`, which was `old`.

    Raises:
        Forbidden: it has not.
    """
    priority_classes.approve(store, resource, new, old)
    limit_ranges.approve(store, resource, new, old)
    resource_quotas.approve(store, resource, new, old)


def grace(resource: Resource, obj: Object, body: Mapping[str, Any]) -> int:
    """Seconds that `obj` lives on after DELETE: none unless it is a pod on a node, not yet over."""
    if resource.name != PODS or not obj["spec"].get("nodeName"):
        return 0
    if (obj.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    asked = body.get("gracePeriodSeconds")
    seconds = obj["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked
    return 1 if seconds < 0 else int(seconds)


def doom(resource: Resource, obj: Object) -> None:
    """Mark `obj` as going, in its own kind's way.

    Raises:
        Forbidden: for a namespace or a PriorityClass that every cluster must have.
    """
    if resource.name == NAMESPACES:
        name = obj["metadata"]["name"]
        if name in PERMANENT_NAMESPACES:
            raise Forbidden(
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
                details={"name": name, "kind": "namespaces"},
            )
        obj.setdefault("status", {})["phase"] = "Terminating"
    elif resource.name == PRIORITY_CLASSES and obj["metadata"]["name"] in SYSTEM_CLASSES:
        name = obj["metadata"]["name"]
        raise Forbidden(
            f'{resource.name} "{name}" is forbidden: this is a system priority class and cannot be'
            " deleted",
            details={"name": name, "group": resource.group, "kind": resource.plural},
        )
    elif resource.name == CUSTOM_RESOURCE_DEFINITIONS:
        finalizers: list[str] = obj["metadata"].setdefault("finalizers", [])
        if CLEANUP_FINALIZER not in finalizers:
            finalizers.append(CLEANUP_FINALIZER)


def held(resource: Resource, obj: Object) -> bool:
    """Whether `obj` is a namespace that still has its finalizer in the spec."""
    return resource.name == NAMESPACES and bool((obj.get("spec") or {}).get("finalizers"))


LIFECYCLE: Final = Lifecycle(admit=admit, approve=approve, grace=grace, doomed=doom, held=held)
"""What `kube.api.Api` wants to know about the beginning and the end of built-in kinds."""
