"""Deleting: preconditions, grace, finalizers, and who takes care of the dependents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from knlab.embedded.kube.admission import Attempt
from knlab.embedded.kube.backing import (
    Backing,
    Deleted,
    WriteOptions,
    distinct,
    shown,
    stored_form,
)
from knlab.embedded.kube.errors import BadRequest, Cause, Conflict, Invalid
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import GroupResource, Key, Object, copy_json
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.writes import is_finished

FOREGROUND: Final = "foregroundDeletion"
"""The finalizer of an owner that waits for its dependents to go first."""
ORPHAN: Final = "orphan"
"""The finalizer of an owner whose dependents are still to be set free."""
_FINALIZERS: Final = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN], "Background": []}


_PRECONDITIONS: Final = (
    ("uid", "UID", "deleted and then recreated"),
    ("resourceVersion", "ResourceVersion", "modified"),
)


def delete(
    backing: Backing, row: Resource, key: Key, body: Mapping[str, Any], options: WriteOptions
) -> Deleted:
    """Delete one object as `body` (DeleteOptions) says.

    Raises:
        StatusError: NotFound, a failed precondition, bad options, or admission refuses.
    """
    _check_options(body)
    body = _with_grace(body)
    old = shown(row, backing.stored(row, *key))
    _check_preconditions(row, old, body.get("preconditions") or {})
    warnings = _admit(backing, row, old, options)
    if row.orphan_warning and not body.keys() & {"propagationPolicy", "orphanDependents"}:
        body = {**body, "propagationPolicy": "Orphan"}
        warnings = (*warnings, row.orphan_warning)
    new: Object = copy_json(old)
    _plan_dependents(new["metadata"], body)
    if "deletionTimestamp" in old["metadata"]:
        _hasten(new["metadata"], body)
    else:
        _doom(backing, row, new, body)
    return _settled(backing, row, old, new, options, warnings)


def _settled(
    backing: Backing,
    row: Resource,
    old: Object,
    new: Object,
    options: WriteOptions,
    warnings: tuple[str, ...],
) -> Deleted:
    gone = is_finished(backing, row, new)
    if gone and "deletionTimestamp" not in old["metadata"]:
        new = copy_json(old)  # what goes at once was never seen terminating
    if options.dry_run or (new == old and not gone):
        return Deleted(new, gone, warnings)
    kept = stored_form(backing, row, copy_json(new))
    change = backing.drop(row, kept) if gone else backing.keep(row, kept)
    new["metadata"]["resourceVersion"] = change.object["metadata"]["resourceVersion"]
    return Deleted(new, gone, warnings)


def _doom(backing: Backing, row: Resource, new: Object, body: Mapping[str, Any]) -> None:
    """Start the deletion of `new`, which is changed."""
    backing.lifecycle.doomed(row, new)
    grace = backing.lifecycle.grace(row, new, body)
    fields = new["metadata"]
    fields["deletionTimestamp"] = timestamp(backing.clock.now() + grace)
    fields["deletionGracePeriodSeconds"] = grace
    if fields.get("generation"):
        fields["generation"] += 1


def _hasten(fields: Object, body: Mapping[str, Any]) -> None:
    """Shorten the grace of an object that is going already; it never gets longer."""
    current = fields.get("deletionGracePeriodSeconds") or 0
    wanted = body.get("gracePeriodSeconds")
    if wanted is None or wanted >= current:
        return
    until = datetime.fromisoformat(fields["deletionTimestamp"])
    sooner = until - timedelta(seconds=current - wanted)
    fields["deletionTimestamp"] = timestamp(sooner.timestamp())
    fields["deletionGracePeriodSeconds"] = wanted


def _plan_dependents(fields: Object, body: Mapping[str, Any]) -> None:
    """Add or remove the finalizers by which the garbage collector knows what to do."""
    policy = body.get("propagationPolicy")
    if policy is None and body.get("orphanDependents") is not None:
        policy = "Orphan" if body["orphanDependents"] else "Background"
    if policy is None:
        return
    others = [each for each in fields.get("finalizers") or () if each not in {FOREGROUND, ORPHAN}]
    finalizers = others + _FINALIZERS[policy]
    if finalizers:
        fields["finalizers"] = finalizers
    else:
        fields.pop("finalizers", None)


def _check_options(body: Mapping[str, Any]) -> None:
    causes: list[Cause] = []
    policy = body.get("propagationPolicy")
    if policy is not None and policy not in _FINALIZERS:
        supported = '"Foreground", "Background", "Orphan", "nil"'
        text = f'Unsupported value: "{policy}": supported values: {supported}'
        causes.append(Cause("propagationPolicy", text, "FieldValueNotSupported"))
    if policy is not None and body.get("orphanDependents") is not None:
        wrong = "orphanDependents and deletionPropagation cannot be both set"
        text = f'Invalid value: "{policy}": {wrong}'
        causes.append(Cause("propagationPolicy", text))
    if causes:
        raise Invalid.of("meta.k8s.io", "DeleteOptions", "", causes)


def _with_grace(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """`body` with a grace period that can be: a negative one means the shortest."""
    grace = body.get("gracePeriodSeconds")
    if grace is None:
        return body
    if type(grace) is not int:
        raise BadRequest(
            "json: cannot unmarshal the value into Go struct field"
            " DeleteOptions.gracePeriodSeconds of type int64"
        )
    return {**body, "gracePeriodSeconds": grace if grace >= 0 else 1}


def _check_preconditions(row: Resource, old: Object, wanted: Mapping[str, Any]) -> None:
    for name, called, otherwise in _PRECONDITIONS:
        expected, actual = wanted.get(name), old["metadata"][name]
        if expected is not None and expected != actual:
            text = (
                f"the {called} in the precondition ({expected}) does not match the {called} in"
                f" record ({actual}). The object might have been {otherwise}"
            )
            kind = GroupResource(row.group, row.kind)
            raise Conflict.of(kind, old["metadata"]["name"], text)


def _admit(backing: Backing, row: Resource, old: Object, options: WriteOptions) -> tuple[str, ...]:
    attempt = Attempt(
        row=row,
        operation="DELETE",
        subresource="",
        namespace=old["metadata"].get("namespace", ""),
        name=old["metadata"]["name"],
        object=None,
        old=old,
        user=options.user,
        dry_run=options.dry_run,
    )
    _, warnings = backing.admission.mutate(attempt)
    return distinct((*warnings, *backing.admission.validate(attempt)))
