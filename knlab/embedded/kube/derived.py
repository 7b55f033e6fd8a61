"""Values computed from objects: each again only when an object that was read for it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeAlias, TypeVar

from knlab.embedded.kube.controller import Lookup
from knlab.embedded.kube.objects import GroupResource, Key, Object
from knlab.embedded.kube.store import Store

Value = TypeVar("Value")

Source: TypeAlias = tuple[GroupResource, Key]
"""An object that a value was computed from, or that was missing then."""


class Derived(Generic[Value]):
    """One value for every object of a kind: `make` gets the object and finds others."""

    def __init__(
        self, store: Store, kind: GroupResource, make: Callable[[Object, Lookup], Value]
    ) -> None:
        self._store = store
        self._kind = kind
        self._make = make
        self._read: dict[Key, frozenset[Source]] = {}
        self._readers: dict[Source, set[Key]] = {}

    def update(self, changed: Iterable[Source]) -> dict[Key, Value | None]:
        """The values that may be others now that `changed` are; None where the object is gone."""
        stale: set[Key] = set()
        for source in changed:
            stale |= self._readers.get(source, frozenset())
            if source[0] == self._kind:
                stale.add(source[1])
        return {key: self._again(key) for key in sorted(stale)}

    def _again(self, key: Key) -> Value | None:
        for source in self._read.pop(key, frozenset()):
            readers = self._readers[source]
            readers.discard(key)
            if not readers:
                del self._readers[source]
        obj = self._store.get(self._kind, key)
        if obj is None:
            return None
        reading = _Reading(self._store)
        value = self._make(obj, reading)
        self._read[key] = frozenset(reading.sources)
        for source in reading.sources:
            self._readers.setdefault(source, set()).add(key)
        return value


class _Reading:
    """Finds objects for somebody who does not change them, and remembers which."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sources: set[Source] = set()

    def find(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        key = (namespace, name)
        self.sources.add((resource, key))
        return self._store.get(resource, key)
