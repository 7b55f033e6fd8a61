"""What is refused in PriorityClasses."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.validation.causes import forbidden, immutable, unsupported
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.objects import Object

SYSTEM_CLASSES: Final = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
"""The ones that every cluster has, with their values."""
_RESERVED: Final = "system-"
_HIGHEST: Final = 1_000_000_000
_POLICIES: Final = ("PreemptLowerPriority", "Never")


def default_priority_class(new: Object, _old: Object | None) -> Object:
    """A PriorityClass with Kubernetes' defaults."""
    new.setdefault("preemptionPolicy", _POLICIES[0])
    new.setdefault("value", 0)
    return new


def validate_priority_class(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a PriorityClass, or with changing `old` into it."""
    if old is not None:
        policy = new.get("preemptionPolicy"), old.get("preemptionPolicy")
        changed = new.get("value") != old.get("value")
        told = [forbidden("value", "may not be changed in an update.")] if changed else []
        return [*told, *immutable("preemptionPolicy", *policy)]
    name, value = new["metadata"]["name"], new.get("value", 0)
    found: list[Cause] = []
    if name.startswith(_RESERVED):
        found += _system_causes(name, value)
    elif value > _HIGHEST:
        most = f"maximum allowed value of a user defined priority is {_HIGHEST}"
        found.append(forbidden("value", most))
    if new.get("preemptionPolicy") not in _POLICIES:
        found.append(unsupported("preemptionPolicy", new.get("preemptionPolicy"), _POLICIES))
    return found


def _system_causes(name: str, value: int) -> list[Cause]:
    if name not in SYSTEM_CLASSES:
        why = f"{name} is not a known system priority class"
    elif value != SYSTEM_CLASSES[name]:
        why = f"value of {name} PriorityClass must be {SYSTEM_CLASSES[name]}"
    else:
        return []
    reserved = "priority class names with 'system-' prefix are reserved for system use only."
    return [forbidden("metadata.name", f"{reserved} error: {why}")]
