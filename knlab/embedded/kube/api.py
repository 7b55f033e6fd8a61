"""The verbs of the Kubernetes API with Kubernetes' semantics, as synchronous methods.

A call is atomic on the event loop: nothing else happens between its reads and its write, so there
is nothing to retry. Refusals are `StatusError`s.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from knlab._clock import Clock
from knlab.embedded.kube import deletion, listing, scaling, writes
from knlab.embedded.kube.admission import Admission
from knlab.embedded.kube.backing import (
    AfterWrite,
    Backing,
    Deleted,
    Lifecycle,
    Page,
    ServerKinds,
    WriteOptions,
    Written,
    shown,
)
from knlab.embedded.kube.controller import Labels, Note
from knlab.embedded.kube.events import Recorder
from knlab.embedded.kube.index import Index
from knlab.embedded.kube.objects import GroupResource, Object, copy_json
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.store import Store
from knlab.embedded.kube.workqueue import Turns

Objects: TypeAlias = list[Object]
Listeners: TypeAlias = list[AfterWrite]
"""Names for lists outside the class, in which `list` is a verb."""

DEFAULTS = WriteOptions()


class Api:
    """Everything that can be done to the cluster; also a `controller.View`.

    A resource is named by its row, or by group and plural: then its storage version is meant.
    `namespace` is "" for cluster-scoped kinds.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        *,
        kinds: ServerKinds,
        lifecycle: Lifecycle | None = None,
        randomness: random.Random | None = None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.clock = clock
        self.admission = Admission(
            store,
            registry,
            namespaces=kinds.namespaces,
            mutating=kinds.mutating_webhooks,
            validating=kinds.validating_webhooks,
        )
        self._backing = Backing(
            store=store,
            registry=registry,
            clock=clock,
            kinds=kinds,
            admission=self.admission,
            lifecycle=lifecycle or Lifecycle(),
            randomness=randomness or random.SystemRandom(),
        )
        self._recorder = Recorder(self._backing)
        self.turns = Turns()
        """Those of all that works on the cluster bit by bit."""

    @property
    def after_write(self) -> Listeners:
        """Called with the row and the change after every write, inside the call; may write too."""
        return self._backing.after_write

    def get(self, resource: Resource | GroupResource, namespace: str, name: str) -> Object:
        """The object, as the caller's copy.

        Raises:
            NotFound: no such object, or nobody serves the resource.
        """
        copied: Object = copy_json(self.peek(resource, namespace, name))
        return copied

    def find(self, resource: Resource | GroupResource, namespace: str, name: str) -> Object | None:
        """The object as the caller's copy, or None."""
        found = self.store.get(self._backing.storage(resource), (namespace, name))
        return None if found is None else _copied(resource, found)

    def list(
        self,
        resource: Resource | GroupResource,
        namespace: str | None = None,
        labels: Labels | None = None,
    ) -> Objects:
        """Copies of the objects of a namespace (None: of all) with all of `labels`, by key."""
        items = self.store.labelled(self._backing.storage(resource), labels or {}, namespace)
        return [_copied(resource, item) for item in items]

    def having(self, index: Index, value: str) -> Objects:
        """The stored objects themselves (read only) that have `value` in `index`, by key."""
        storage = self._backing.storage(index.resource)
        return self.store.having(Index(storage, index.values), value)

    def peek(self, resource: Resource | GroupResource, namespace: str, name: str) -> Object:
        """The stored object itself in the version of `resource`: read only.

        Raises:
            NotFound: no such object, or nobody serves the resource.
        """
        row = self._backing.row(resource)
        return shown(row, self._backing.stored(row, namespace, name))

    def page(
        self,
        resource: Resource | GroupResource,
        namespace: str | None = None,
        query: listing.Query = listing.EVERYTHING,
    ) -> Page:
        """The stored objects themselves (read only) that `query` asks for."""
        return listing.page(self._backing, self._backing.row(resource), namespace, query)

    def peek_scale(self, resource: Resource | GroupResource, namespace: str, name: str) -> Object:
        """The `autoscaling/v1` Scale of an object.

        Raises:
            NotFound: no such object, or the resource cannot be scaled.
        """
        row = self._backing.row(resource)
        return scaling.scale_of(row, self._backing.stored(row, namespace, name))

    def create(
        self,
        resource: Resource | GroupResource,
        obj: Object,
        options: WriteOptions = DEFAULTS,
    ) -> Written:
        """Create `obj`, which is not changed."""
        return writes.create(self._backing, self._backing.row(resource), obj, options)

    def update(
        self,
        resource: Resource | GroupResource,
        obj: Object,
        options: WriteOptions = DEFAULTS,
        subresource: str = "",
    ) -> Written:
        """Replace the object, or its part that `subresource` ("status", "scale") is.

        A resourceVersion in `obj` is checked. With "scale", `obj` is a Scale and so is the result.
        """
        row = self._backing.row(resource)
        return writes.update(self._backing, row, obj, options, subresource)

    def patch(
        self,
        resource: Resource | GroupResource,
        namespace: str,
        name: str,
        change: Callable[[Object], Object],
        options: WriteOptions = DEFAULTS,
        subresource: str = "",
    ) -> Written:
        """Replace the object by `change(copy of it)`; with "scale", both are Scales."""
        row = self._backing.row(resource)
        address = writes.Address(namespace, name, subresource)
        return writes.patch(self._backing, row, address, change, options)

    def apply(
        self,
        resource: Resource | GroupResource,
        namespace: str,
        name: str,
        wanted: Object,
        options: WriteOptions,
        subresource: str = "",
        *,
        force: bool = False,
    ) -> Written:
        """Make the object what `wanted` says; its manager owns that. Creates it if needed.

        `force` takes fields that other managers own. With "scale", `wanted` is a Scale.
        """
        row = self._backing.row(resource)
        address = writes.Address(namespace, name, subresource)
        return writes.apply(self._backing, row, address, wanted, options, force=force)

    def delete(
        self,
        resource: Resource | GroupResource,
        namespace: str,
        name: str,
        body: Mapping[str, Any] | None = None,
        options: WriteOptions = DEFAULTS,
    ) -> Deleted:
        """Delete the object as `body` (DeleteOptions) says."""
        row = self._backing.row(resource)
        return deletion.delete(self._backing, row, (namespace, name), body or {}, options)

    def delete_collection(
        self,
        resource: Resource | GroupResource,
        namespace: str | None = None,
        query: listing.Query = listing.EVERYTHING,
        body: Mapping[str, Any] | None = None,
        options: WriteOptions = DEFAULTS,
    ) -> Objects:
        """Delete everything that `query` selects; what each was last, or is while it is kept."""
        row = self._backing.row(resource)
        chosen = [
            (item["metadata"].get("namespace", ""), item["metadata"]["name"])
            for item in listing.page(self._backing, row, namespace, query).items
        ]
        return [deletion.delete(self._backing, row, k, body or {}, options).object for k in chosen]

    def scale(
        self,
        resource: Resource | GroupResource,
        namespace: str,
        name: str,
        replicas: int,
        options: WriteOptions = DEFAULTS,
    ) -> Object:
        """Set the number of replicas; the Scale after it."""
        row = self._backing.row(resource)
        address = writes.Address(namespace, name, "scale")
        change = scaling.with_replicas(replicas)
        return writes.patch(self._backing, row, address, change, options).object

    def record(self, note: Note, source: str, manager: str = "") -> None:
        """Record `note` as an Event of component `source`; the same again only counts up.

        The fields of the event belong to `manager`, the program that `source` is part of.
        """
        self._recorder.record(note, source, manager or source)


def _copied(resource: Resource | GroupResource, stored: Object) -> Object:
    found = shown(resource, stored) if isinstance(resource, Resource) else stored
    copied: Object = copy_json(found)
    return copied
