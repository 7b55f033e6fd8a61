"""Kubernetes Events: what components tell about objects; the same thing again only counts up."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, TypeAlias

from knlab.embedded.kube import ownership
from knlab.embedded.kube.backing import Backing, WriteOptions
from knlab.embedded.kube.controller import Note
from knlab.embedded.kube.errors import InternalError
from knlab.embedded.kube.metadata import begin, timestamp
from knlab.embedded.kube.objects import Key, Object, copy_json, key_of
from knlab.embedded.kube.registry import Resource

LIFETIME: Final = 3600.0
"""Seconds after which an event that did not happen again is forgotten, as on a real cluster."""

_Sameness: TypeAlias = tuple[str, ...]


class Recorder:
    """Writes events; remembers which it wrote, also those of an earlier run."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._keys: dict[_Sameness, tuple[Key, float]] = {}
        """Where each event is kept and when it happened last, oldest first."""
        self._last_stamp = 0
        self._loaded = False

    def record(self, note: Note, source: str, manager: str) -> None:
        """Keep `note` of component `source`, or count it if it is there already.

        Nothing is kept in a namespace that is missing or going away, on a disk that is full, or if
        nobody serves events.
        """
        with suppress(InternalError):
            self._record(note, source, manager)

    def _record(self, note: Note, source: str, manager: str) -> None:
        row = self._backing.registry.storage_row(self._backing.kinds.events)
        if row is None:
            return
        if not self._loaded:
            self._load(row)
        now = self._backing.clock.now()
        self._expire(row, now)
        event = _event(note, source, timestamp(now))
        sameness = _sameness(event)
        known = self._keys.pop(sameness, None)
        stored = self._backing.store.get(row.storage, known[0]) if known else None
        if stored is not None:
            kept: Object = copy_json(stored)
            kept["count"] = kept.get("count", 1) + 1
            kept["lastTimestamp"] = event["lastTimestamp"]
        elif self._is_open(event["metadata"]["namespace"]):
            kept = self._named(row, event, now)
        else:
            return
        self._note_owner(row, stored, kept, manager)
        self._keys[sameness] = key_of(kept), now
        self._backing.keep(row, kept)

    def _note_owner(self, row: Resource, old: Object | None, kept: Object, manager: str) -> None:
        now, options = self._backing.clock.now(), WriteOptions(field_manager=manager)
        writer = ownership.writer_of(row, options, now)
        if old is None:
            entries = ownership.created(row, kept, None, kept, writer)
        else:
            before, entries = ownership.bare(old)
            entries = ownership.replaced(row, before, ownership.bare(kept)[0], entries, writer)
        if entries:
            kept["metadata"]["managedFields"] = entries

    def _is_open(self, namespace: str) -> bool:
        found = self._backing.store.get(self._backing.kinds.namespaces, ("", namespace))
        return found is not None and "deletionTimestamp" not in found["metadata"]

    def _named(self, row: Resource, event: Object, now: float) -> Object:
        self._last_stamp = max(int(now * 1e9), self._last_stamp + 1)
        event["metadata"]["name"] = f"{event['involvedObject']['name']}.{self._last_stamp:x}"
        begin(row, event, now=now, uid=self._backing.new_uid())
        return event

    def _load(self, row: Resource) -> None:
        self._loaded = True
        events = self._backing.store.items(row.storage)
        for event in sorted(events, key=lambda each: int(each["metadata"]["resourceVersion"])):
            if "involvedObject" in event:
                self._keys[_sameness(event)] = key_of(event), self._backing.clock.now()

    def _expire(self, row: Resource, now: float) -> None:
        for sameness, (key, last) in list(self._keys.items()):
            if now - last <= LIFETIME:
                return
            stored = self._backing.store.get(row.storage, key)
            if stored is not None:
                self._backing.drop(row, copy_json(stored))
            del self._keys[sameness]


def _event(note: Note, source: str, when: str) -> Object:
    regarding, fields = note.regarding, note.regarding["metadata"]
    involved: dict[str, Any] = {
        "kind": regarding["kind"],
        "namespace": fields.get("namespace"),
        "name": fields["name"],
        "uid": fields.get("uid"),
        "apiVersion": regarding["apiVersion"],
        "resourceVersion": fields.get("resourceVersion"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": fields.get("namespace") or "default"},
        "involvedObject": {key: value for key, value in involved.items() if value},
        "reason": note.reason,
        "message": note.message,
        "source": {"component": source},
        "firstTimestamp": when,
        "lastTimestamp": when,
        "count": 1,
        "type": note.type,
        "eventTime": None,
        "reportingComponent": source,
        "reportingInstance": "",
    }


def _sameness(event: Object) -> _Sameness:
    involved = event["involvedObject"]
    regarding = [involved.get(key, "") for key in ("kind", "namespace", "name", "uid")]
    source = (event.get("source") or {}).get("component", "")
    return (*regarding, source, event.get("type", ""), event["reason"], event["message"])
