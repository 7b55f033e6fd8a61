"""What the cluster remembers: objects by kind and key, one version counter, recent changes.

The store knows nothing of Kubernetes' rules (`kube.api` does). It hands out and keeps *references*:
nobody may change an object that came from the store or was given to it. Everything happens on one
event loop, and a write is on disk, visible and announced when the call returns.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import orjson

from knlab._exceptions import StateError
from knlab._state import Durability
from knlab.embedded.kube.errors import Expired, Timeout
from knlab.embedded.kube.index import Entries, Index, LabelValue, Values
from knlab.embedded.kube.objects import GroupResource, Key, Object, key_of
from knlab.embedded.kube.storage_log import StorageLog

HISTORY: Final = 2**20
"""Bytes of JSON in the changes remembered for each kind; a watch can start that far back."""
QUEUE: Final = 10_000
"""Changes that a slow watcher may leave unread before it is told to start over."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write: the object as it is now (for DELETED: as it was last) and as it was before."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object
    old: Object | None
    version: int
    resource: GroupResource


Listener: TypeAlias = Callable[[Change], None]


@dataclass(slots=True)
class _Shelf:
    """Everything about one kind."""

    floor: int
    """Changes up to this version are no longer in the history."""
    objects: dict[Key, Object] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    """The keys of `objects`, sorted."""
    history: deque[tuple[Change, int]] = field(default_factory=deque)
    """Changes with the bytes of each, oldest first."""
    remembered: int = 0
    """Bytes in the history."""
    indexes: dict[Values, Entries] = field(default_factory=dict)

    def put(self, key: Key, obj: Object) -> Object | None:
        old = self.objects.get(key)
        if old is None:
            insort(self.keys, key)
        self.objects[key] = obj
        for entries in self.indexes.values():
            entries.change(key, old, obj)
        return old

    def remove(self, key: Key) -> Object | None:
        old = self.objects.pop(key, None)
        if old is not None:
            del self.keys[bisect_left(self.keys, key)]
        for entries in self.indexes.values():
            entries.change(key, old, None)
        return old

    def entries(self, values: Values) -> Entries:
        entries = self.indexes.get(values)
        if entries is None:
            entries = self.indexes[values] = Entries(values)
            for key, obj in self.objects.items():
                entries.change(key, None, obj)
        return entries

    def those(self, keys: Iterable[Key], namespace: str | None = None) -> list[Object]:
        return [self.objects[key] for key in sorted(keys) if namespace in {None, key[0]}]

    def remember(self, change: Change) -> None:
        size = len(orjson.dumps(change.object))
        self.history.append((change, size))
        self.remembered += size
        while self.remembered > HISTORY and len(self.history) > 1:
            self._forget_oldest()

    def compact(self, version: int) -> None:
        while self.history and self.history[0][0].version <= version:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        change, size = self.history.popleft()
        self.remembered -= size
        self.floor = change.version

    def items(self, namespace: str | None) -> list[Object]:
        if namespace is None:
            return [self.objects[key] for key in self.keys]
        start = bisect_left(self.keys, (namespace, ""))
        end = bisect_left(self.keys, (namespace + "\0", ""))
        return [self.objects[key] for key in self.keys[start:end]]


class Store:
    """Durable objects of every kind."""

    def __init__(self, path: Path, durability: Durability | None = None) -> None:
        """Open or create the database at `path` and read everything; None: as it was last.

        Raises:
            StateError: if it is damaged, of a newer format, in use or not writable.
        """
        self._log = StorageLog(path, durability)
        try:
            self._version, stored = self._log.load()
        except StateError:
            self._log.close()
            raise
        self._opened = self._version
        self._shelves: dict[GroupResource, _Shelf] = {}
        self._listeners: dict[GroupResource | None, list[Listener]] = {}
        self._subscriptions: set[Subscription] = set()
        for resource, key, _, obj in stored:
            self._shelf(resource).put(key, obj)

    def _shelf(self, resource: GroupResource) -> _Shelf:
        shelf = self._shelves.get(resource)
        if shelf is None:
            shelf = self._shelves[resource] = _Shelf(floor=self._opened)
        return shelf

    @property
    def durability(self) -> Durability:
        """What a write survives once its call has returned."""
        return self._log.durability

    @property
    def version(self) -> int:
        """The version of the latest write to anything."""
        return self._version

    @property
    def resources(self) -> list[GroupResource]:
        """Every kind of which there is an object."""
        return sorted(resource for resource, shelf in self._shelves.items() if shelf.objects)

    def get(self, resource: GroupResource, key: Key) -> Object | None:
        """The stored object itself (read only), or None."""
        shelf = self._shelves.get(resource)
        return shelf.objects.get(key) if shelf else None

    def items(self, resource: GroupResource, namespace: str | None = None) -> list[Object]:
        """The stored objects themselves (read only), of one namespace or all, sorted by key."""
        shelf = self._shelves.get(resource)
        return shelf.items(namespace) if shelf else []

    def having(self, index: Index, value: str) -> list[Object]:
        """The stored objects themselves (read only) that have `value` in `index`, by key."""
        shelf = self._shelf(index.resource)
        return shelf.those(shelf.entries(index.values).keys(value))

    def labelled(
        self, resource: GroupResource, labels: Mapping[str, str], namespace: str | None = None
    ) -> list[Object]:
        """The stored objects themselves (read only) that carry all of `labels`, sorted by key."""
        if not labels:
            return self.items(resource, namespace)
        shelf = self._shelf(resource)
        found = [shelf.entries(LabelValue(name)).keys(value) for name, value in labels.items()]
        fewest = min(found, key=len)
        return [
            obj
            for obj in shelf.those(fewest, namespace)
            if obj["metadata"]["labels"].items() >= labels.items()
        ]

    def items_at(
        self, resource: GroupResource, version: int, namespace: str | None = None
    ) -> list[Object]:
        """The objects themselves (read only) as they were at `version`, sorted by key.

        Raises:
            Expired: the history does not reach back to `version`.
            Timeout: `version` has not happened yet.
        """
        items = self.items(resource, namespace)
        changes = self._changes(resource, version) if version != self._version else []
        if not changes:
            return items
        objects = {key_of(item): item for item in items}
        for change in reversed(changes):
            key = key_of(change.object)
            if change.old is None:
                objects.pop(key, None)
            elif namespace in (None, key[0]):
                objects[key] = change.old
        return [objects[key] for key in sorted(objects)]

    def put(self, resource: GroupResource, obj: Object) -> Change:
        """Keep `obj` (the store's own from now on) under its key; sets its resourceVersion."""
        version, key = self._version + 1, key_of(obj)
        obj["metadata"]["resourceVersion"] = str(version)
        self._log.put(resource, key, version, obj)
        old = self._shelf(resource).put(key, obj)
        kind: Literal["ADDED", "MODIFIED"] = "ADDED" if old is None else "MODIFIED"
        return self._announce(Change(kind, obj, old, version, resource))

    def remove(self, resource: GroupResource, obj: Object) -> Change:
        """Forget what is under `obj`'s key; `obj` is its last state, with a version of its own."""
        version, key = self._version + 1, key_of(obj)
        obj["metadata"]["resourceVersion"] = str(version)
        self._log.remove(resource, key, version)
        old = self._shelf(resource).remove(key)
        return self._announce(Change("DELETED", obj, old, version, resource))

    def _announce(self, change: Change) -> Change:
        self._version = change.version
        self._shelf(change.resource).remember(change)
        for topic in (change.resource, None):
            for heard in tuple(self._listeners.get(topic, ())):
                heard(change)
        return change

    @contextmanager
    def listening(self, heard: Listener, *resources: GroupResource) -> Iterator[None]:
        """Call `heard` with every change of `resources`, of all kinds without any.

        `heard` runs inside the write: it must be quick, must not write and must not raise.
        """
        topics: tuple[GroupResource | None, ...] = tuple(dict.fromkeys(resources)) or (None,)
        for topic in topics:
            self._listeners.setdefault(topic, []).append(heard)
        try:
            yield
        finally:
            for topic in topics:
                self._listeners[topic].remove(heard)

    def subscribe(self, resource: GroupResource, since: int | None = None) -> Subscription:
        """The changes of `resource` after version `since`, or from now on; close it after use.

        Raises:
            Expired: the history does not reach back to `since`.
            Timeout: `since` has not happened yet.
        """
        missed = [] if since is None else self._changes(resource, since)
        subscription = Subscription(self, resource, missed)
        self._subscriptions.add(subscription)
        return subscription

    def _changes(self, resource: GroupResource, since: int) -> list[Change]:
        shelf = self._shelf(resource)
        if since > self._version:
            raise too_large(since, self._version)
        if since < shelf.floor:
            raise Expired(f"too old resource version: {since} ({shelf.floor})")
        newest_first = (change for change, _ in reversed(shelf.history))
        missed = takewhile(lambda change: change.version > since, newest_first)
        return list(missed)[::-1]

    def compact(self, version: int) -> None:
        """Forget the changes up to `version`: nobody can ask any more what was before it."""
        for shelf in self._shelves.values():
            shelf.compact(version)

    def _forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End every subscription and release the file."""
        for subscription in tuple(self._subscriptions):
            subscription.close()
        self._log.close()


class Subscription:
    """An asynchronous iterator over changes; a context manager that closes itself.

    A consumer that falls `QUEUE` changes behind gets `Expired` and must start over.
    """

    def __init__(self, store: Store, resource: GroupResource, missed: list[Change]) -> None:
        self._store = store
        self._queue = deque(missed)
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False
        self._overrun = False
        self._listening = store.listening(self._heard, resource)
        self._listening.__enter__()

    def _heard(self, change: Change) -> None:
        if self._overrun:
            return
        if len(self._queue) >= QUEUE:
            self._overrun = True
            self._queue.clear()
        else:
            self._queue.append(change)
        self._wake()

    @property
    def version(self) -> int:
        """Every change of the resource up to this version has been delivered (for bookmarks)."""
        return self._queue[0].version - 1 if self._queue else self._store.version

    @property
    def closed(self) -> bool:
        """Whether nothing more will be heard."""
        return self._closed

    async def some(self, until: float) -> list[Change]:
        """What is waiting, as soon as there is something; nothing at the loop's time `until`.

        Raises:
            Expired: the consumer was too slow and changes were dropped.
        """
        if not self._ready():
            timer = asyncio.get_running_loop().call_at(until, self._wake)
            try:
                await self._sleep()
            finally:
                timer.cancel()
        return self.take()

    def _ready(self) -> bool:
        return bool(self._queue) or self._overrun or self._closed

    async def _sleep(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def take(self) -> list[Change]:
        """What is waiting now, without waiting.

        Raises:
            Expired: the consumer was too slow and changes were dropped.
        """
        if self._overrun:
            raise Expired("too old resource version: the watcher was too slow")
        taken = list(self._queue)
        self._queue.clear()
        return taken

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Change:
        if not self._ready():
            await self._sleep()
        if self._overrun:
            raise Expired("too old resource version: the watcher was too slow")
        if not self._queue:
            raise StopAsyncIteration
        return self._queue.popleft()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hear no more; an iteration ends when it has delivered what is waiting."""
        if self._closed:
            return
        self._closed = True
        self._listening.__exit__(None, None, None)
        self._store._forget(self)
        self._wake()


def too_large(version: int, current: int) -> Timeout:
    """The error for a resourceVersion that has not happened yet."""
    details: dict[str, Any] = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    text = f"Timeout: Too large resource version: {version}, current: {current}"
    return Timeout(text, details=details)
