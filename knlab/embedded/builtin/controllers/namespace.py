"""Namespaces: what each has from its start, and how one empties before it goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from knlab.embedded.builtin.controllers.conditions import status_write, with_condition
from knlab.embedded.builtin.controllers.pod_states import is_terminating
from knlab.embedded.builtin.kinds import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    create,
    delete,
    update,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import GroupResource, Key, Object
from knlab.embedded.kube.registry import Resource

ROOT_CA: Final = "kube-root-ca.crt"

_LOOK_AGAIN: Final = 0.1
"""Seconds between looks at a namespace that still has contents."""
_DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal"
    " endpoints such as the internal service IP or kubernetes.default.svc. No other usage is"
    " guaranteed across distributions of Kubernetes clusters."
)
_NO_TROUBLE: Final = {
    "NamespaceDeletionDiscoveryFailure": (
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
}
"""Type → (reason, message) of the conditions that are False while all goes well."""


def namespace_controller(resources: Callable[[], Iterable[Resource]]) -> Controller:
    """Empties namespaces that are going, of every kind in `resources` (the rows that exist now)."""

    def sync(view: View, key: Key, now: float) -> Outcome:
        """The deletes that a terminating namespace still needs, or its end."""
        namespace = view.find(NAMESPACES, *key)
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return NOTHING
        kinds = {row.storage for row in resources() if row.namespaced and "delete" in row.verbs}
        contents = {kind: view.list(kind, key[1]) for kind in sorted(kinds)}
        left = {kind: objects for kind, objects in contents.items() if objects}
        if not left:
            return Outcome((update(NAMESPACES, {**namespace, "spec": {"finalizers": []}}),))
        writes = [
            delete(kind, item, propagationPolicy="Background")
            for kind, objects in left.items()
            for item in objects
            if not is_terminating(item)
        ]
        status = _remaining(namespace, left, now)
        return Outcome((*writes, *status_write(NAMESPACES, namespace, status)), (), _LOOK_AGAIN)

    return Controller(name="namespace-controller", parent=NAMESPACES, sync=sync)


def service_account_controller() -> Controller:
    """Keeps the ServiceAccount `default` in every namespace."""
    return _furnishing(
        "service-account-controller",
        SERVICE_ACCOUNTS,
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}},
    )


def root_ca_controller(certificate: str) -> Controller:
    """Keeps the ConfigMap with the CA `certificate` (PEM) in every namespace."""
    metadata = {
        "name": ROOT_CA, "annotations": {"kubernetes.io/description": _DESCRIPTION},
    }  # fmt: skip
    content: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {"ca.crt": certificate},
    }
    return _furnishing("root-ca-certificate-publisher", CONFIG_MAPS, content)


def _furnishing(name: str, resource: GroupResource, wanted: Object) -> Controller:
    """A controller that keeps `wanted` in every namespace that is not going."""
    own_name = wanted["metadata"]["name"]

    def sync(view: View, key: Key, _now: float) -> Outcome:
        """The object if the namespace lacks it or has other data."""
        namespace = view.find(NAMESPACES, *key)
        if namespace is None or "deletionTimestamp" in namespace["metadata"]:
            return NOTHING
        present = view.find(resource, key[1], own_name)
        if present is None:
            metadata = {**wanted["metadata"], "namespace": key[1]}
            return Outcome((create(resource, {**wanted, "metadata": metadata}),))
        if present.get("data") == wanted.get("data"):
            return NOTHING
        return Outcome((update(resource, {**present, "data": wanted["data"]}),))

    def keys_of(obj: Object) -> list[Key]:
        metadata = obj["metadata"]
        return [("", metadata["namespace"])] if metadata["name"] == own_name else []

    return Controller(name=name, parent=NAMESPACES, sync=sync, watches={resource: keys_of})


def _remaining(namespace: Object, left: dict[GroupResource, list[Object]], now: float) -> Object:
    """The status of a namespace that still has contents, with Kubernetes' words for it."""
    conditions: list[Object] = (namespace.get("status") or {}).get("conditions") or []
    for item in (*_untroubled(), _contents_left(left), _finalizers_left(left)):
        conditions = with_condition(conditions, item, timestamp(now))
    return {"phase": "Terminating", "conditions": conditions}


def _untroubled() -> list[Object]:
    return [
        {"type": kind, "status": "False", "reason": reason, "message": message}
        for kind, (reason, message) in _NO_TROUBLE.items()
    ]


def _contents_left(left: dict[GroupResource, list[Object]]) -> Object:
    counts = (f"{kind}. has {len(items)} resource instances" for kind, items in left.items())
    return {
        "type": "NamespaceContentRemaining",
        "status": "True",
        "reason": "SomeResourcesRemain",
        "message": f"Some resources are remaining: {', '.join(counts)}",
    }


def _finalizers_left(left: dict[GroupResource, list[Object]]) -> Object:
    counts = Counter(
        name
        for items in left.values()
        for item in items
        for name in item["metadata"].get("finalizers") or ()
    )
    held = ", ".join(f"{name} in {count} resource instances" for name, count in counts.items())
    return {
        "type": "NamespaceFinalizersRemaining",
        "status": "True" if held else "False",
        "reason": "SomeFinalizersRemain" if held else "ContentHasNoFinalizers",
        "message": f"Some content in the namespace has finalizers remaining: {held}"
        if held
        else "All content-preserving finalizers finished",
    }
