"""Server-side apply: an object becomes what a manager wants of it, and the manager owns that.

Fields that the manager applied before and does not apply now go, unless somebody else owns them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from knlab.embedded.kube.apply_conflicts import conflict, misfit
from knlab.embedded.kube.field_changes import changes, owned_fields
from knlab.embedded.kube.field_merge import merged, problems, without
from knlab.embedded.kube.field_sets import (
    FieldSet,
    difference,
    intersection,
    union,
    with_named_fields,
)
from knlab.embedded.kube.field_types import FieldType
from knlab.embedded.kube.managed_fields import (
    BEFORE_FIRST_APPLY,
    Entries,
    Entry,
    Writer,
    applied,
    conflicts,
    identity,
    updated,
)
from knlab.embedded.kube.objects import Object, copy_json

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation with the object as client-side `kubectl apply` saw it last."""
_KUBECTL: Final = "kubectl"
"""The manager that takes over what its client-side apply did before."""


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody applies, how, and to which object."""

    kind: FieldType
    live: Object
    """The object as it is, without managedFields; just its type if there is none."""
    entries: Entries
    """Its managedFields."""
    said: Object
    """What is applied, as it came."""
    wanted: Object
    """And without what this path of the API may not change."""
    writer: Writer
    force: bool


def apply(application: Application) -> tuple[Object, Entries]:
    """The object after `application`, without managedFields, and these.

    Nulls may stand where nothing is left of a map or list.

    Raises:
        StatusError: the types do not fit, or other managers own what would change.
    """
    it = application
    if found := problems(it.kind, it.said):
        raise misfit(it.said, found)
    entries = it.entries or _unowned_before(it)
    own = owned_fields(it.kind, it.wanted)
    new = _pruned(it, entries, own, merged(it.kind, it.live, it.wanted))
    change = changes(it.kind, it.live, new)
    contested = conflicts(entries, change, it.writer)
    if contested and not it.force and (left := _not_ours_before(it, contested)):
        raise conflict(left)
    after = applied(entries, own, change, it.writer, unchanged=not change)
    return _with_last_applied(it, new), after


def _unowned_before(it: Application) -> Entries:
    """The owner of everything in an object of which nobody noted who wrote it."""
    nobody = Writer(
        BEFORE_FIRST_APPLY, it.writer.api_version, it.writer.subresource, it.writer.time
    )
    head = {name: it.live[name] for name in ("apiVersion", "kind")}
    return updated([], changes(it.kind, head, it.live), nobody)


def _pruned(it: Application, entries: Entries, own: FieldSet, new: Object) -> Object:
    """`new` without what the manager applied last time, and nobody wants any more."""
    me = it.writer.identity("Apply")
    last = next((entry["fieldsV1"] for entry in entries if identity(entry) == me), None)
    if not last:
        return new

    def named(fields: FieldSet) -> FieldSet:
        return with_named_fields(fields, it.kind)

    def owned(value: Any) -> FieldSet:
        return named(owned_fields(it.kind, value) if value else {})

    wanted = own
    for entry in entries:
        if identity(entry) != me:
            wanted = union(wanted, entry["fieldsV1"])
    everything, last = owned(new), named(last)
    bare = without(it.kind, new, last)
    kept = without(it.kind, new, difference(everything, union(owned(bare), named(wanted))))
    result = without(it.kind, new, intersection(difference(everything, owned(kept)), last))
    return result if isinstance(result, dict) else {}


def _not_ours_before(
    it: Application, contested: list[tuple[Entry, FieldSet]]
) -> list[tuple[Entry, FieldSet]]:
    """The conflicts that are real: kubectl may take what its own client-side apply set."""
    if it.writer.manager != _KUBECTL:
        return contested
    ours = _set_by_client_side_apply(it)
    left = [(entry, difference(fields, ours)) for entry, fields in contested]
    return [(entry, fields) for entry, fields in left if fields]


def _set_by_client_side_apply(it: Application) -> FieldSet:
    """The fields that client-side apply set, as far as they still have these values."""
    text = ((it.live.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    try:
        last = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(last, dict) or last.get("apiVersion") != it.live.get("apiVersion"):
        return {}
    if problems(it.kind, last):
        return {}
    since = changes(it.kind, last, it.live)
    return difference(difference(owned_fields(it.kind, last), since.written), since.removed)


def _with_last_applied(it: Application, new: Object) -> Object:
    """`new`, with the annotation of client-side apply brought up to date by kubectl."""
    annotations = (new.get("metadata") or {}).get("annotations") or {}
    if it.writer.manager != _KUBECTL or not annotations.get(LAST_APPLIED):
        return new
    wanted: Object = copy_json(it.said)
    said = wanted.get("metadata") or {}
    if said.get("annotations") is None:
        said.pop("annotations", None)
    else:
        said["annotations"].pop(LAST_APPLIED, None)
    text = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()
    metadata = new["metadata"] | {"annotations": annotations | {LAST_APPLIED: text}}
    return new | {"metadata": metadata}
