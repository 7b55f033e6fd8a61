"""CustomResourceDefinitions: accept their names, and empty those that are going."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.controllers.conditions import status_write, with_condition
from knlab.embedded.builtin.controllers.pod_states import is_terminating
from knlab.embedded.builtin.custom_resources import (
    accepted_before,
    instances_of,
    name_conflicts,
)
from knlab.embedded.builtin.kinds import CUSTOM_RESOURCE_DEFINITIONS
from knlab.embedded.builtin.lifecycle import CLEANUP_FINALIZER
from knlab.embedded.kube.controller import (
    NOTHING,
    Controller,
    Outcome,
    View,
    delete,
    update,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Key, Object, is_true

_LOOK_AGAIN: Final = 0.1
"""Seconds between looks at a definition whose objects are still going."""
_ASK_AGAIN: Final = 1.0
"""Seconds after which refused names are asked for again: their owner may have gone."""
_REASONS: Final = {
    "plural": "PluralConflict",
    "singular": "SingularConflict",
    "shortNames": "ShortNamesConflict",
    "kind": "KindConflict",
    "listKind": "ListKindConflict",
}


def sync_definition(view: View, key: Key, now: float) -> Outcome:
    """The conditions of a CustomResourceDefinition, or the deletes that it still waits for."""
    crd = view.find(CUSTOM_RESOURCE_DEFINITIONS, *key)
    if crd is None:
        return NOTHING
    if "deletionTimestamp" in crd["metadata"]:
        return _emptied(view, crd, now)
    if _is_settled(crd):
        return NOTHING
    status = _accepted(view, crd, now)
    free = is_true({"status": status}, "NamesAccepted")
    writes = status_write(CUSTOM_RESOURCE_DEFINITIONS, crd, status)
    return Outcome(writes, (), None if free else _ASK_AGAIN)


def _is_settled(crd: Object) -> bool:
    """Whether everything was accepted before; then the others need no look: schemas are large."""
    status: Object = crd.get("status") or {}
    return (
        is_true(crd, "NamesAccepted")
        and is_true(crd, "Established")
        and status.get("acceptedNames") == crd["spec"]["names"]
        and status.get("storedVersions") == _stored_versions(crd, status)
    )


def _accepted(view: View, crd: Object, now: float) -> Object:
    others = accepted_before(crd, view.list(CUSTOM_RESOURCE_DEFINITIONS))
    conflicts = name_conflicts(crd, others)
    status: Object = crd.get("status") or {}
    if conflicts:
        last = [field for field in _REASONS if field in conflicts][-1]
        names = {"status": "False", "reason": _REASONS[last], "message": conflicts[last]}
    else:
        names = {"status": "True", "reason": "NoConflicts", "message": "no conflicts found"}
    conditions = with_condition(
        status.get("conditions") or (), {"type": "NamesAccepted", **names}, timestamp(now)
    )
    established = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}
    established["message"] = "the initial names have been accepted"
    if conflicts:
        refused = {"status": "False", "reason": "NotAccepted"}
        established |= refused | {"message": "not all names are accepted"}
    if not (conflicts and is_true(crd, "Established")):
        conditions = with_condition(conditions, established, timestamp(now))
    wanted: Object = crd["spec"]["names"]
    free = {field: name for field, name in wanted.items() if field not in conflicts}
    return {
        "acceptedNames": {"kind": "", "plural": "", **(status.get("acceptedNames") or {}), **free},
        "conditions": conditions,
        "storedVersions": _stored_versions(crd, status),
    }


def _stored_versions(crd: Object, status: Object) -> list[str]:
    """The versions in which objects were ever stored."""
    known: list[str] = list(status.get("storedVersions") or ())
    present = [item["name"] for item in crd["spec"]["versions"] if item.get("storage")]
    return known + [name for name in present if name not in known]


def _emptied(view: View, crd: Object, now: float) -> Outcome:
    finalizers: list[str] = crd["metadata"].get("finalizers") or []
    if CLEANUP_FINALIZER not in finalizers:
        return NOTHING
    resource = instances_of(crd)
    left = view.list(resource) if is_true(crd, "Established") else []
    if not left:
        others = [name for name in finalizers if name != CLEANUP_FINALIZER]
        free = {**crd, "metadata": {**crd["metadata"], "finalizers": others}}
        return Outcome((update(CUSTOM_RESOURCE_DEFINITIONS, free),))
    deletes = [delete(resource, item) for item in left if not is_terminating(item)]
    going = {
        "type": "Terminating", "status": "True", "reason": "InstanceDeletionInProgress",
        "message": "CustomResource deletion is in progress",
    }  # fmt: skip
    status: Object = crd.get("status") or {}
    conditions = with_condition(status.get("conditions") or (), going, timestamp(now))
    told = status_write(CUSTOM_RESOURCE_DEFINITIONS, crd, status | {"conditions": conditions})
    return Outcome((*told, *deletes), (), _LOOK_AGAIN)


DEFINITIONS: Final = Controller(
    name="apiextensions-controller",
    manager="kube-apiserver",
    parent=CUSTOM_RESOURCE_DEFINITIONS,
    sync=sync_definition,
)
"""Accepts, establishes and empties CustomResourceDefinitions."""
