"""Conditions and statuses as Kubernetes' own controllers keep them."""

from __future__ import annotations

from collections.abc import Iterable

from knlab.embedded.kube.controller import Write, update_status
from knlab.embedded.kube.objects import GroupResource, Object


def with_condition(conditions: Iterable[Object], new: Object, now: str) -> list[Object]:
    """`conditions` with `new` in its place; the transition time moves only with the status."""
    found = list(conditions)
    for place, old in enumerate(found):
        if old["type"] == new["type"]:
            same = old["status"] == new["status"]
            moved = old.get("lastTransitionTime", now) if same else now
            found[place] = {"lastTransitionTime": moved, **new}
            return found
    return [*found, {"lastTransitionTime": now, **new}]


def without_condition(conditions: Iterable[Object], kind: str) -> list[Object]:
    """`conditions` without the one of type `kind`."""
    return [item for item in conditions if item["type"] != kind]


def status_write(resource: GroupResource, obj: Object, status: Object) -> tuple[Write, ...]:
    """A write of `status` if it differs from what `obj` has.

    It names no resourceVersion: nobody else writes this status, and the same outcome may have
    changed the object before.
    """
    if status == (obj.get("status") or {}):
        return ()
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return (update_status(resource, obj | {"metadata": metadata, "status": status}),)
