"""PriorityClasses: their rules, and which priority a Pod gets from them."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.builtin.kinds import PRIORITY_CLASSES
from knlab.embedded.kube.errors import Forbidden
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.store import Store

_PREEMPTING: Final = "PreemptLowerPriority"


def prioritize(store: Store, spec: Object) -> str:
    """Give a pod spec what its PriorityClass says; why it may not say something else itself.

    Without a class it is the global default one, and without that the priority is zero.
    """
    found = _class_of(store, spec)
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
    priority = (found or {}).get("value", 0)
    policy = (found or {}).get("preemptionPolicy", _PREEMPTING)
    for said, computed, what in (
        (spec.get("priority"), priority, "integer value of priority"),
        (spec.get("preemptionPolicy"), policy, "string value of PreemptionPolicy"),
    ):
        if said not in (None, computed):
            return (
                f"the {what} ({said}) must not be provided in pod spec; priority admission"
                f" controller computed {computed} from the given PriorityClass name"
            )
    fill(spec, priority=priority, preemptionPolicy=policy)
    return ""


def approve(store: Store, resource: Resource, new: Object, _old: Object | None) -> None:
    """Return unless `new` is a second PriorityClass that is the global default.

    Raises:
        Forbidden: it is.
    """
    if resource.storage != PRIORITY_CLASSES or not new.get("globalDefault"):
        return
    name = new["metadata"]["name"]
    for other in _global_defaults(store):
        if other["metadata"]["name"] != name:
            raise Forbidden(
                f'{resource.name} "{name}" is forbidden: PriorityClass {other["metadata"]["name"]}'
                " is already marked as default. Only one default can exist",
                details={"name": name, "group": resource.group, "kind": resource.plural},
            )


def _class_of(store: Store, spec: Object) -> Object | None:
    if name := spec.get("priorityClassName"):
        return store.get(PRIORITY_CLASSES, ("", name))
    return min(_global_defaults(store), key=lambda item: int(item["value"]), default=None)


def _global_defaults(store: Store) -> list[Object]:
    return [item for item in store.items(PRIORITY_CLASSES) if item.get("globalDefault")]
