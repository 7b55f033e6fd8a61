"""Who owns which fields of an object, kept up to date through a write.

Rules of Kubernetes that matter here: ownership is settled after defaults and before webhooks; what
the server itself allots belongs to nobody; an object whose managedFields a client has cleared is no
longer tracked, until somebody applies it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from knlab.embedded.kube.apply_conflicts import conflict
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.field_changes import Changes, changes
from knlab.embedded.kube.field_sets import FieldSet, at
from knlab.embedded.kube.managed_fields import (
    Entries,
    Writer,
    applied,
    chosen,
    conflicts,
    field_taken,
    updated,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.scaling import replicas_path
from knlab.embedded.kube.server_side_apply import Application

_REPLICAS: Final[FieldSet] = {"f:spec": {"f:replicas": {}}}
"""The field of a Scale that can be written."""


def bare(obj: Object) -> tuple[Object, Entries]:
    """`obj` without its managedFields (parts are shared), and these."""
    metadata = obj["metadata"]
    if "managedFields" not in metadata:
        return obj, []
    rest = {key: value for key, value in metadata.items() if key != "managedFields"}
    return obj | {"metadata": rest}, metadata["managedFields"]


def writer_of(row: Resource, options: WriteOptions, now: float, subresource: str = "") -> Writer:
    """Who is noted as the owner of what a write with `options` sets at `now`."""
    manager = options.field_manager or "unknown"
    return Writer(manager, row.api_version, subresource, timestamp(now))


def created(row: Resource, obj: Object, given: Any, asked: Object, writer: Writer) -> Entries:
    """The managedFields of new `obj`, of which `asked` came from the client, `given` included."""
    hidden = {"status"} if row.has_status else set[str]()
    content = {key: value for key, value in obj.items() if key not in hidden}
    head = {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
    written = changes(row.field_type, head, content).written
    for path in row.allotted:
        if not _has(asked, path):
            written = _without(written, tuple(f"f:{name}" for name in path))
    return updated(chosen(given, []), Changes(written, {}), writer)


def _without(fields: FieldSet, path: tuple[str, ...]) -> FieldSet:
    """`fields` less what `path` leads to, and less whatever holds nothing else."""
    step, rest = path[0], path[1:]
    if step not in fields:
        return fields
    inner = _without(fields[step], rest) if rest else {}
    if inner == fields[step] and rest:
        return fields
    others = {key: value for key, value in fields.items() if key != step}
    return others if inner in ({}, {".": {}}) else others | {step: inner}


def _has(obj: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(obj, dict) or not obj.get(name):
            return False
        obj = obj[name]
    return True


def replaced(row: Resource, old: Object, new: Object, entries: Entries, writer: Writer) -> Entries:
    """The managedFields of `new`, which replaces `old`; both are bare, `entries` go on from."""
    if writer.subresource in row.parts:
        if writer.subresource not in row.noted_as:
            return entries
        writer = dataclasses.replace(writer, subresource=row.noted_as[writer.subresource])
    if not entries:
        return entries
    if writer.subresource == "scale":
        return _rescaled(row, old, new, entries, writer)
    return updated(entries, changes(row.field_type, old, new), writer)


def _rescaled(row: Resource, old: Object, new: Object, entries: Entries, writer: Writer) -> Entries:
    path = replicas_path(row)
    before, after = (_value(obj, path) or 0 for obj in (old, new))
    if before == after:
        return entries
    # Zero replicas are left out of a Scale, so nobody has set them.
    steps = tuple(f"f:{name}" for name in path)
    return field_taken(entries, steps, writer, kept=bool(after))


def _value(obj: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def application(
    row: Resource, live: Object, entries: Entries, said: Object, writer: Writer, *, force: bool
) -> Application:
    """The application of `said` to bare `live`: of everything but the status, or only of that."""
    if writer.subresource == "status":
        kept = ("apiVersion", "kind", "status")
        name = (said.get("metadata") or {}).get("name")
        wanted = {key: said[key] for key in kept if key in said} | {"metadata": {"name": name}}
    else:
        hidden = "status" if row.has_status else ""
        wanted = {key: value for key, value in said.items() if key != hidden}
    return Application(row.field_type, live, entries, said, wanted, writer, force)


def scale_applied(
    row: Resource, old: Object, new: Object, entries: Entries, writer: Writer, *, force: bool
) -> Entries:
    """The managedFields of `new` after `writer` applied a Scale to `old`; both are bare.

    Raises:
        Conflict: somebody else owns another number of replicas, and `force` is not set.
    """
    path = replicas_path(row)
    field = at([f"f:{name}" for name in path])
    changed = _value(old, path) != _value(new, path)
    change = Changes(field if changed else {}, {})
    contested = [
        ({**entry, "apiVersion": "autoscaling/v1"}, _REPLICAS)
        for entry, _ in conflicts(entries, change, writer)
    ]
    if contested and not force:
        raise conflict(contested)
    return applied(entries, field, change, writer, unchanged=True)
