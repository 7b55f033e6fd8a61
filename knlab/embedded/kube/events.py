"""Kubernetes Events: what components tell about objects; the same thing again only counts up."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from knlab.embedded.kube import ownership
from knlab.embedded.kube.backing import Backing, WriteOptions
from knlab.embedded.kube.controller import Note
from knlab.embedded.kube.correlation import Correlator, Sameness, sameness
from knlab.embedded.kube.errors import InternalError
from knlab.embedded.kube.metadata import begin, timestamp
from knlab.embedded.kube.objects import Key, Object, copy_json, key_of
from knlab.embedded.kube.registry import Resource

LIFETIME: Final = 3600.0
"""Seconds after which an event that did not happen again is forgotten, as on a real cluster."""


@dataclass(slots=True)
class _Seen:
    """An event that happened, however often."""

    count: int
    first: str
    key: Key
    """Where it is kept."""
    last: float
    """When it happened last."""


class Recorder:
    """Writes events; remembers which it wrote, also those of an earlier run."""

    def __init__(self, backing: Backing) -> None:
        self._backing = backing
        self._correlator = Correlator()
        self._seen: dict[Sameness, _Seen] = {}
        """By what makes another event the same one; the one that happened longest ago first."""
        self._last_stamp = 0
        self._loaded = False

    def record(self, note: Note, source: str, manager: str) -> None:
        """Keep `note` of component `source`, or count it if it is there already.

        Nothing is kept in a namespace that is missing or going away, on a disk that is full, or if
        nobody serves events; nor of a source that tells too much about one object.
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
        if not self._is_open(event["metadata"]["namespace"]):
            return
        seen = self._observe(event, now)
        if not self._correlator.admits(event, now):
            return
        stored = self._backing.store.get(row.storage, seen.key)
        kept = self._named(row, event, now, seen) if stored is None else copy_json(stored)
        latest = {"count": seen.count, "message": event["message"]}
        kept |= latest | {"lastTimestamp": event["lastTimestamp"]}
        self._note_owner(row, stored, kept, manager)
        self._backing.keep(row, kept)

    def _observe(self, event: Object, now: float) -> _Seen:
        """What is known of `event`, with this time."""
        same = self._correlator.combine(event, now)
        seen = self._seen.pop(same, None) or _Seen(0, event["firstTimestamp"], ("", ""), now)
        seen.count += 1
        seen.last = now
        self._seen[same] = seen
        return seen

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

    def _named(self, row: Resource, event: Object, now: float, seen: _Seen) -> Object:
        self._last_stamp = max(int(now * 1e9), self._last_stamp + 1)
        event["metadata"]["name"] = f"{event['involvedObject']['name']}.{self._last_stamp:x}"
        event["firstTimestamp"] = seen.first
        begin(row, event, now=now, uid=self._backing.new_uid())
        seen.key = key_of(event)
        return event

    def _load(self, row: Resource) -> None:
        self._loaded = True
        now, events = self._backing.clock.now(), self._backing.store.items(row.storage)
        for event in sorted(events, key=lambda each: int(each["metadata"]["resourceVersion"])):
            if "involvedObject" in event:
                count, first = event.get("count") or 1, event.get("firstTimestamp") or ""
                self._seen[sameness(event)] = _Seen(count, first, key_of(event), now)

    def _expire(self, row: Resource, now: float) -> None:
        while self._seen:
            same, seen = next(iter(self._seen.items()))
            if now - seen.last <= LIFETIME:
                return
            stored = self._backing.store.get(row.storage, seen.key)
            if stored is not None:
                self._backing.drop(row, copy_json(stored))
            del self._seen[same]


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
