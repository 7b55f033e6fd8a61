"""ResourceQuotas: what the objects of a namespace use, and what would be too much.

Usage is always counted from the objects that are there, so that it cannot drift; the quota's status
only shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from knlab.embedded.builtin.amounts import (
    Amounts,
    asked_by,
    asked_by_pod,
    number_of,
    together,
    written,
)
from knlab.embedded.builtin.defaults.pods import all_containers, qos_class
from knlab.embedded.builtin.kinds import EVENTS, PODS, RESOURCE_QUOTAS, SERVICES
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Store

There: TypeAlias = Callable[[GroupResource], Iterable[Object]]
"""The objects of a kind in the namespace of the quota."""

COUNT: Final = "count/"
_ALIASES: Final = (
    "configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets",
)  # fmt: skip
_OF_SERVICES: Final = ("services", "services.loadbalancers", "services.nodeports")
_OF_CLAIMS: Final = ("requests.storage",)
_EXTENDED: Final = ("requests.hugepages-", "hugepages-")
COMPUTE: Final = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "ephemeral-storage": ("requests", "ephemeral-storage"),
    **{
        f"{side}.{name}": (side, name)
        for side in ("requests", "limits")
        for name in ("cpu", "memory", "ephemeral-storage")
    },
}
"""What of a pod is counted under which name."""
_MUST_BE_SAID: Final = frozenset(name for name in COMPUTE if "storage" not in name)
"""If one of these is limited, every container must say it."""


def approve(store: Store, resource: Resource, new: Object, old: Object | None) -> None:
    """Return if the quotas of its namespace allow `new`, which replaces `old` if that is given.

    Raises:
        Forbidden: one does not.
    """
    namespace = new["metadata"].get("namespace", "")
    if not resource.namespaced or resource.storage == EVENTS:
        return
    if old is not None and resource.name != SERVICES:  # the only ones that can use more later
        return
    quotas = store.items(RESOURCE_QUOTAS, namespace)
    found = quotas and refusal(
        quotas, resource.name, new, old, lambda kind: store.items(kind, namespace)
    )
    if found:
        name = new["metadata"]["name"]
        details = {"name": name, "kind": resource.plural}
        details |= {"group": resource.group} if resource.group else {}
        raise Forbidden(f'{resource.name} "{name}" is forbidden: {found}', details=details)


def refusal(
    quotas: Sequence[Object], kind: GroupResource, new: Object, old: Object | None, there: There
) -> str:
    """Why `quotas` do not allow `new`; empty if they do."""
    concerned = [quota for quota in quotas if matches(quota, kind, new)]
    for quota in concerned:
        if unsaid := _unsaid(quota, new) if kind == PODS else "":
            return f"failed quota: {quota['metadata']['name']}: must specify {unsaid}"
    asked = usage(kind, new)
    for quota in concerned:
        before = usage(kind, old) if old is not None and matches(quota, kind, old) else {}
        if excess := _excess(quota, _more(asked, before), there):
            return f"exceeded quota: {quota['metadata']['name']}, {excess}"
    return ""


def used(quota: Object, there: There) -> dict[str, str]:
    """What is used of everything that `quota` limits."""
    hard = limits_of(quota)
    kinds = {kind for name in hard if (kind := kind_counted(name))}
    parts = [usage(kind, obj) for kind in kinds for obj in there(kind) if matches(quota, kind, obj)]
    sums = together(parts)
    return {name: sums.get(name, "0") for name in hard if kind_counted(name)}


def matters(quota: Object, kind: GroupResource, new: Object, old: Object | None) -> bool:
    """Whether the usage of `quota` may be another one when `old` became `new`."""
    if not any(kind_counted(name) == kind for name in limits_of(quota)):
        return False
    if old is None:
        return True
    states = [(matches(quota, kind, each), usage(kind, each)) for each in (old, new)]
    return states[0] != states[1]


def limits_of(quota: Object) -> Amounts:
    """What `quota` limits, and to how much."""
    return (quota.get("spec") or {}).get("hard") or {}


def kind_counted(name: str) -> GroupResource | None:
    """The kind whose objects use what is limited under `name`; None if nothing does."""
    if name.startswith(COUNT):
        plural, _, group = name.removeprefix(COUNT).partition(".")
        return GroupResource(group, plural)
    if name in _ALIASES:
        return GroupResource("", name)
    if name in _OF_SERVICES:
        return SERVICES
    if name in _OF_CLAIMS or ".storageclass.storage.k8s.io/" in name:
        return GroupResource("", "persistentvolumeclaims")
    extended = name.startswith(_EXTENDED) or (name.startswith("requests.") and "/" in name)
    return PODS if name in {"pods", *COMPUTE} or extended else None


def usage(kind: GroupResource, obj: Object) -> dict[str, str]:
    """What one object uses, by the names under which it can be limited."""
    found = {f"{COUNT}{kind}": "1"}
    if kind == PODS:
        over = (obj.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
        return found if over else {**found, **_of_pod(obj["spec"])}
    if kind == SERVICES:
        return found | _of_service(obj.get("spec") or {})
    return found | ({kind.plural: "1"} if str(kind) in _ALIASES else {})


def matches(quota: Object, kind: GroupResource, obj: Object) -> bool:
    """Whether `quota` limits something that `obj` uses, and is about objects like it."""
    if not any(kind_counted(name) == kind for name in limits_of(quota)):
        return False
    scopes = scope_requirements(quota["spec"])
    if kind != PODS:
        return not scopes
    return all(_is_in_scope(scope, obj["spec"]) for scope in scopes)


def scope_requirements(spec: Object) -> list[Object]:
    """The scopes of a quota, all as parts of a selector."""
    selector: Object = spec.get("scopeSelector") or {}
    plain = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    return [*plain, *(selector.get("matchExpressions") or ())]


def _is_in_scope(scope: Object, spec: Object) -> bool:
    name: str = scope["scopeName"]
    if name == "PriorityClass":
        return _has_priority(scope, spec.get("priorityClassName") or "")
    if name.endswith("BestEffort"):
        return name.startswith("Not") != (qos_class(spec) == "BestEffort")
    return name.startswith("Not") != (spec.get("activeDeadlineSeconds") is not None)


def _has_priority(scope: Object, name: str) -> bool:
    match scope["operator"]:
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
    return bool((name in scope["values"]) == (scope["operator"] == "In"))


def _of_pod(spec: Object) -> dict[str, str]:
    requests, limits = asked_by_pod(spec, "requests"), asked_by_pod(spec, "limits")
    return {"pods": "1", **_as_counted(requests, limits)}


def _as_counted(requests: Amounts, limits: Amounts) -> dict[str, str]:
    sides = {"requests": requests, "limits": limits}
    found = {
        counted: sides[side][name]
        for counted, (side, name) in COMPUTE.items()
        if name in sides[side]
    }
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            found |= {name: amount, f"requests.{name}": amount}
        elif "/" in name:
            found[f"requests.{name}"] = amount
    return found


def _of_service(spec: Object) -> dict[str, str]:
    kind, ports = spec.get("type"), spec.get("ports") or ()
    balanced = kind == "LoadBalancer"
    if balanced and spec.get("allocateLoadBalancerNodePorts") is False:
        ports = [port for port in ports if port.get("nodePort")]
    on_nodes = len(ports) if balanced or kind == "NodePort" else 0
    return {
        "services": "1",
        "services.loadbalancers": str(int(balanced)),
        "services.nodeports": str(on_nodes),
    }


def _unsaid(quota: Object, pod: Object) -> str:
    """Which containers do not say how much they take of something that `quota` limits."""
    lacking: list[str] = []
    for name in sorted(_MUST_BE_SAID & limits_of(quota).keys()):
        containers = sorted(
            container["name"]
            for container in all_containers(pod["spec"])
            if name not in _said_by(container)
        )
        if containers:
            lacking.append(f"{name} for: {','.join(containers)}")
    return "; ".join(lacking)


def _said_by(container: Mapping[str, Any]) -> dict[str, str]:
    return _as_counted(asked_by(container, "requests"), asked_by(container, "limits"))


def _more(asked: Amounts, before: Amounts) -> dict[str, str]:
    """How much more `asked` is than `before`, without what is not."""
    return {
        name: written(grown, amount)
        for name, amount in asked.items()
        if (grown := number_of(amount) - number_of(before.get(name))) > 0
    }


def _excess(quota: Object, asked: Amounts, there: There) -> str:
    """What of `asked` is too much for `quota`; empty if nothing is."""
    hard = limits_of(quota)
    requested = {name: amount for name, amount in asked.items() if name in hard}
    if not requested:
        return ""
    present = used(quota, there)
    exceeded = sorted(
        name
        for name, amount in requested.items()
        if number_of(present[name]) + number_of(amount) > number_of(hard[name])
    )
    if not exceeded:
        return ""
    shown = {"requested": requested, "used": present, "limited": hard}
    return ", ".join(
        f"{word}: {','.join(f'{name}={amounts[name]}' for name in exceeded)}"
        for word, amounts in shown.items()
    )
