"""`metadata.managedFields`: who set which fields of an object, one entry for each manager.

An entry belongs to a manager, an operation (Apply or Update), a subresource and, for updates, a
version of the API. Entries and their sets are never changed, only replaced: objects share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from knlab.embedded.kube.field_changes import Changes
from knlab.embedded.kube.field_sets import (
    SELF,
    FieldSet,
    at,
    difference,
    has,
    intersection,
    parsed,
    union,
)
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import Object, Shared

Operation: TypeAlias = Literal["Apply", "Update"]
Entry: TypeAlias = Object
Entries: TypeAlias = list[Entry]

MOST_UPDATERS: Final = 10
"""Entries of updates beyond this number are merged, the oldest first."""
_ANCIENT: Final = "ancient-changes"
BEFORE_FIRST_APPLY: Final = "before-first-apply"
"""Owner of what an object had when it was applied first and nobody had been noted."""

UNOWNED: Final[FieldSet] = {
    f"f:{name}": {}
    for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
        "managedFields", "resourceVersion",
    )
} | {SELF: {}}  # fmt: skip
"""What in an object's metadata belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and when."""

    manager: str
    api_version: str
    subresource: str
    time: str
    """RFC 3339, seconds."""

    def identity(self, operation: Operation) -> tuple[str, ...]:
        """What tells the writer's entry from others."""
        version = self.api_version if operation == "Update" else ""
        return self.manager, operation, version, self.subresource


def identity(entry: Entry) -> tuple[str, ...]:
    """What tells `entry` from others."""
    operation = entry["operation"]
    version = entry["apiVersion"] if operation == "Update" else ""
    return entry["manager"], operation, version, entry.get("subresource", "")


def owned(fields: FieldSet) -> FieldSet:
    """`fields` without what belongs to nobody."""
    result = dict(fields)
    result.pop("f:apiVersion", None)
    result.pop("f:kind", None)
    metadata = result.pop("f:metadata", None)
    if metadata:
        left = {key: node for key, node in metadata.items() if key not in UNOWNED}
        if left:
            result["f:metadata"] = left
    return result


def chosen(given: Any, stored: Entries) -> Entries:
    """The entries to go on from: those that a client sent, unless they are none or unreadable.

    A client clears them with an empty list, or a list of one empty entry.
    """
    if given is None or given == stored:
        return stored
    if given in ([], [{}]):
        return []
    return read(given) or stored


def read(value: Any) -> Entries | None:
    """The entries in `value`, as a client sent them; None if it cannot be understood."""
    if not isinstance(value, list):
        return None
    found: dict[tuple[str, ...], Entry] = {}
    for item in value:
        entry = _read_entry(item)
        if entry is None:
            return None
        found[identity(entry)] = entry
    return list(found.values())


def _read_entry(item: Any) -> Entry | None:
    if not isinstance(item, dict) or item.get("operation") not in {"Apply", "Update"}:
        return None
    fields = parsed(item.get("fieldsV1") or {})
    texts = [item.get(name) or "" for name in ("apiVersion", "manager", "subresource", "time")]
    if fields is None or item.get("fieldsType") != "FieldsV1" or not texts[0]:
        return None
    try:
        api_version, manager, subresource, time = map(str, texts)
        seconds = timestamp(datetime.fromisoformat(time).timestamp()) if time else ""
    except ValueError:
        return None
    operation: Operation = item["operation"]
    return _entry(Writer(manager, api_version, subresource, seconds), operation, fields)


def _entry(writer: Writer, operation: Operation, fields: FieldSet) -> Entry:
    made: Entry = {
        "manager": writer.manager,
        "operation": operation,
        "apiVersion": writer.api_version,
        "time": writer.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": Shared(fields),
    }
    if not writer.time:
        del made["time"]
    if writer.subresource:
        made["subresource"] = writer.subresource
    return made


def updated(entries: Entries, changes: Changes, writer: Writer) -> Entries:
    """The entries after `writer` made `changes`: what it wrote is its own, and nobody else's."""
    if not changes:
        return entries
    me = writer.identity("Update")
    others, mine = _without_mine(entries, changes, me)
    fresh = owned(changes.written)
    if fresh:
        before = difference(mine["fieldsV1"], changes.removed) if mine else {}
        others.append(_entry(writer, "Update", union(before, fresh)))
    elif mine and (left := _kept(mine, changes)):
        others.append(left)
    return _sorted(_capped(others))


def _without_mine(
    entries: Entries, changes: Changes, me: tuple[str, ...]
) -> tuple[Entries, Entry | None]:
    """What other managers keep after `changes`, and the entry `me` as it was."""
    others: Entries = []
    mine: Entry | None = None
    for entry in entries:
        if identity(entry) == me:
            mine = entry
        elif kept := _kept(entry, changes):
            others.append(kept)
    return others, mine


def _kept(entry: Entry, changes: Changes) -> Entry | None:
    """`entry` without the fields that somebody else changed; None if nothing is left."""
    fields = entry["fieldsV1"]
    left = difference(difference(fields, changes.written), changes.removed)
    if left is fields:
        return entry
    return {**entry, "fieldsV1": Shared(left)} if left else None


def conflicts(entries: Entries, changes: Changes, writer: Writer) -> list[tuple[Entry, FieldSet]]:
    """Which managers own fields that `writer` is about to change by applying."""
    me = writer.identity("Apply")
    found = [
        (entry, intersection(entry["fieldsV1"], changes.written))
        for entry in entries
        if identity(entry) != me
    ]
    return [(entry, fields) for entry, fields in found if fields]


def applied(
    entries: Entries, fields: FieldSet, changes: Changes, writer: Writer, *, unchanged: bool
) -> Entries:
    """The entries after `writer` applied `fields`, which made `changes` to the object.

    `unchanged`: the object stays as it is, so its time stays too; a new owner then has none.
    """
    others, mine = _without_mine(entries, changes, writer.identity("Apply"))
    mine_now = owned(fields)
    if mine_now:
        time = (mine or {}).get("time", "") if unchanged else writer.time
        made = Writer(writer.manager, writer.api_version, writer.subresource, time)
        others.append(_entry(made, "Apply", mine_now))
    return _sorted(others)


def field_taken(entries: Entries, path: tuple[str, ...], writer: Writer, *, kept: bool) -> Entries:
    """The entries after `writer` changed the one field at `path` through a subresource.

    `kept`: the field has a value now. Kubernetes notes the new owner without a time, and only if
    there was an owner before.
    """
    if not any(has(entry["fieldsV1"], path) for entry in entries):
        return entries
    field = at(path)
    left = [found for entry in entries if (found := _kept(entry, Changes(field, {})))]
    if kept:
        mine = next((e for e in left if identity(e) == writer.identity("Update")), None)
        left = [entry for entry in left if entry is not mine]
        fields = union(mine["fieldsV1"], field) if mine else field
        timeless = Writer(writer.manager, writer.api_version, writer.subresource, "")
        left.append(_entry(timeless, "Update", fields))
    return _sorted(left)


def same_but_times(one: Entries, other: Entries) -> bool:
    """Whether two lists of entries differ in nothing but times."""
    return len(one) == len(other) and all(
        {**a, "time": ""} == {**b, "time": ""} for a, b in zip(one, other, strict=True)
    )


def _sorted(entries: Entries) -> Entries:
    if len(entries) < 2:
        return entries
    return sorted(entries, key=_place)


def _place(entry: Entry) -> tuple[str, ...]:
    subresource = entry.get("subresource", "")
    time = entry.get("time", "")
    return entry["operation"], time, entry["manager"], entry["apiVersion"], subresource


def _capped(entries: Entries) -> Entries:
    """At most `MOST_UPDATERS` entries of updates: the oldest of a version become one."""
    updates = [entry for entry in entries if entry["operation"] == "Update"]
    surplus = len(updates) - MOST_UPDATERS
    if surplus <= 0:
        return entries
    updates.sort(key=lambda entry: (entry.get("time", ""), identity(entry)))
    first: dict[str, Entry] = {}
    merged: dict[str, Entry] = {}
    gone: list[Entry] = []
    for entry in updates:
        if surplus == 0:
            break
        version = entry["apiVersion"]
        known = merged.get(version) or first.get(version)
        if known is None:
            first[version] = entry
            continue
        fields = union(entry["fieldsV1"], known["fieldsV1"])
        ancient = Writer(_ANCIENT, version, "", entry.get("time", ""))
        merged[version] = _entry(ancient, "Update", fields)
        gone += [entry, first[version]]
        surplus -= 1
    return [entry for entry in entries if entry not in gone] + list(merged.values())
