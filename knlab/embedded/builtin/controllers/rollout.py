"""How many pods each ReplicaSet of a Deployment should have next; rules only, no writes.

The rules are those of Kubernetes' deployment controller: never more than replicas + maxSurge in
all, never fewer than replicas - maxUnavailable available.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from typing import Any, Final

from knlab.embedded.kube.objects import Object

DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"

Sizes = Mapping[str, int]
"""From names of ReplicaSets to replicas."""


def wanted(owner: Object) -> int:
    """spec.replicas of a Deployment or ReplicaSet."""
    return int(owner["spec"].get("replicas", 1))


def counted(sets: Iterable[Object], field: str) -> int:
    """The sum of a number in the status of `sets`."""
    return sum(int((item.get("status") or {}).get(field, 0)) for item in sets)


def is_rolling(deployment: Object) -> bool:
    """Whether the strategy is RollingUpdate."""
    return bool(deployment["spec"]["strategy"]["type"] == "RollingUpdate")


def max_surge(deployment: Object) -> int:
    """How many pods there may be above spec.replicas."""
    return _bounds(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Object) -> int:
    """How many of spec.replicas may be unavailable."""
    if not is_rolling(deployment) or wanted(deployment) == 0:
        return 0
    return min(_bounds(deployment)[1], wanted(deployment))


def is_scaling(deployment: Object, sets: Iterable[Object]) -> bool:
    """Whether spec.replicas changed since the ReplicaSets with pods were last sized."""
    desired = str(wanted(deployment))
    return any(
        (item["metadata"].get("annotations") or {}).get(DESIRED, desired) != desired
        for item in sets
        if wanted(item) > 0
    )


def first_size(deployment: Object, olds: Sequence[Object]) -> int:
    """How many pods a ReplicaSet gets that is about to be created beside `olds`."""
    if not is_rolling(deployment):
        return wanted(deployment)
    room = wanted(deployment) + max_surge(deployment) - sum(map(wanted, olds))
    return max(0, min(room, wanted(deployment)))


def next_sizes(deployment: Object, new: Object, olds: Sequence[Object]) -> Sizes:
    """The sizes to set in the next step of a rolling update; `olds` from oldest to newest."""
    present, target = wanted(new), wanted(deployment)
    if present > target:
        return {_name(new): target}
    room = target + max_surge(deployment) - present - sum(map(wanted, olds))
    if present < target and room > 0:
        return {_name(new): present + min(room, target - present)}
    return _shrunk(deployment, new, olds)


def scaled_sizes(deployment: Object, new: Object | None, olds: Sequence[Object]) -> Sizes:
    """The sizes after a change of spec.replicas, shared in proportion during a rolling update."""
    active = [item for item in (*olds, *([new] if new else ())) if wanted(item) > 0]
    if len(active) <= 1:
        latest = active[0] if active else new or (olds[-1] if olds else None)
        return {_name(latest): wanted(deployment)} if latest else {}
    if new is not None and _is_saturated(deployment, new):
        return {_name(item): 0 for item in olds if wanted(item) > 0}
    return _in_proportion(deployment, active) if is_rolling(deployment) else {}


def _shrunk(deployment: Object, new: Object, olds: Sequence[Object]) -> Sizes:
    """Take pods from `olds`: unhealthy ones first, then as many as availability allows."""
    sizes = {_name(item): wanted(item) for item in olds}
    total = sum(sizes.values()) + wanted(new)
    least = wanted(deployment) - max_unavailable(deployment)
    new_unavailable = wanted(new) - counted([new], "availableReplicas")
    budget = total - least - new_unavailable
    if not any(sizes.values()) or budget <= 0:
        return {}
    for item in olds:
        unhealthy = sizes[_name(item)] - counted([item], "availableReplicas")
        taken = max(0, min(unhealthy, budget))
        sizes[_name(item)] -= taken
        budget -= taken
    spare = sum(map(_staying, (new, *olds))) - least
    for item in olds:
        taken = max(0, min(sizes[_name(item)], spare))
        sizes[_name(item)] -= taken
        spare -= taken
    return sizes


def _staying(item: Object) -> int:
    """Available pods of a ReplicaSet that will still be there when it has its size."""
    return min(counted([item], "availableReplicas"), wanted(item))


def _in_proportion(deployment: Object, active: list[Object]) -> Sizes:
    target = wanted(deployment)
    allowed = target + max_surge(deployment) if target > 0 else 0
    missing = allowed - sum(map(wanted, active))
    newest_first = list(reversed(active)) if missing > 0 else active
    ordered = sorted(newest_first, key=wanted, reverse=True)
    sizes = {_name(item): wanted(item) for item in ordered}
    if missing == 0:
        return sizes
    left = missing
    for item in ordered:
        share = _share(item, allowed, left)
        sizes[_name(item)] += share
        left -= share
    largest = _name(ordered[0])
    sizes[largest] = max(0, sizes[largest] + left)
    return sizes


def _share(item: Object, allowed: int, left: int) -> int:
    """The part of `left` that falls to `item`, by its part of the pods before."""
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    before = int(annotations.get(MAXIMUM, allowed)) or 1
    share = round(wanted(item) * allowed / before) - wanted(item)
    return min(share, left) if left > 0 else max(share, left)


def _is_saturated(deployment: Object, new: Object) -> bool:
    annotations: Mapping[str, str] = new["metadata"].get("annotations") or {}
    target = wanted(deployment)
    return (
        wanted(new) == target
        and annotations.get(DESIRED) == str(target)
        and counted([new], "availableReplicas") == target
    )


def _bounds(deployment: Object) -> tuple[int, int]:
    rolling = deployment["spec"]["strategy"]["rollingUpdate"]
    surge = ceil(_amount(rolling["maxSurge"], wanted(deployment)))
    unavailable = floor(_amount(rolling["maxUnavailable"], wanted(deployment)))
    return surge, unavailable or (0 if surge else 1)


def _amount(value: Any, whole: int) -> float:
    text = str(value)
    return whole * int(text[:-1]) / 100 if text.endswith("%") else int(text)


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])
