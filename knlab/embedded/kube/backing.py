"""What every verb works on: the store and its rows, the clock, admission, the kinds' ways to go.

The vocabulary of writes is here too: options in, results out.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from knlab._clock import Clock
from knlab.embedded.kube.admission import Admission
from knlab.embedded.kube.errors import NotFound
from knlab.embedded.kube.objects import GroupResource, Key, Object
from knlab.embedded.kube.registry import Registry, Resource
from knlab.embedded.kube.store import Change, Store

FieldValidation: TypeAlias = Literal["Ignore", "Warn", "Strict"]
Get: TypeAlias = Callable[[GroupResource, Key], Object | None]
"""The stored object of a kind and a key."""
AfterWrite: TypeAlias = Callable[[Resource, Change], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """Who writes, and how."""

    user: str = "system:knlab"
    field_manager: str = ""
    dry_run: bool = False
    """Do everything except keeping the result."""
    field_validation: FieldValidation = "Ignore"
    """What to do about fields that the schema does not know, or that came twice."""
    repeated: tuple[str, ...] = ()
    """A complaint for each field that the request has twice."""


@dataclass(frozen=True, slots=True)
class Written:
    """The object as stored now (the caller's copy), and what to warn the client about."""

    object: Object
    warnings: tuple[str, ...] = ()
    created: bool = False
    """Whether the object is new."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """The object as it was last (`gone`) or as it is while something still keeps it."""

    object: Object
    gone: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: references to stored objects (read only), the version they show."""

    items: list[Object]
    version: int
    token: str = ""
    """`metadata.continue`; empty on the last page."""
    remaining: int | None = None
    """How many are left; None if nobody counted (a selector is used)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKinds:
    """The few kinds that the server itself reads or writes, named by whoever knows kinds."""

    namespaces: GroupResource
    events: GroupResource
    mutating_webhooks: GroupResource
    validating_webhooks: GroupResource


def _at_once(_resource: Resource, _obj: Object, _body: Mapping[str, Any]) -> int:
    return 0


def _as_it_is(_resource: Resource, _obj: Object) -> None:
    return None


def _nothing(_resource: Resource, _obj: Object) -> bool:
    return False


def _let_in(_store: Store, _resource: Resource, _obj: Object) -> None:
    return None


def _agreed(_store: Store, _resource: Resource, _new: Object, _old: Object | None) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """Where kinds differ in the way they come and go."""

    admit: Callable[[Store, Resource, Object], None] = _let_in
    """May change, in place, a new object that webhooks have seen; may raise a StatusError."""
    approve: Callable[[Store, Resource, Object, Object | None], None] = _agreed
    """Is shown what an object is to become, if all else agreed, and what it was; may raise one too.

    Writes of a part of an object (its status, its scale) need no approval.
    """

    grace: Callable[[Resource, Object, Mapping[str, Any]], int] = _at_once
    """Seconds that the object lives on after DELETE with this body; 0 removes it at once.

    Whoever owns the object's end (the kubelet of a pod) deletes again with gracePeriodSeconds 0.
    """
    doomed: Callable[[Resource, Object], None] = _as_it_is
    """May change, in place, the copy that gets its deletionTimestamp now; may raise a StatusError.

    Called on every DELETE of an object that is not terminating yet, also if it goes at once.
    """
    held: Callable[[Resource, Object], bool] = _nothing
    """Whether something besides metadata.finalizers keeps the object."""


@dataclass(frozen=True, kw_only=True)
class Backing:
    """The parts that every verb needs."""

    store: Store
    registry: Registry
    clock: Clock
    kinds: ServerKinds
    admission: Admission
    lifecycle: Lifecycle
    randomness: random.Random
    after_write: list[AfterWrite] = field(default_factory=list)

    def row(self, resource: Resource | GroupResource) -> Resource:
        """The row to work with.

        Raises:
            NotFound: nobody serves `resource`.
        """
        if isinstance(resource, Resource):
            return resource
        row = self.registry.storage_row(resource)
        if row is None:
            raise NotFound("the server could not find the requested resource", details={})
        return row

    def storage(self, resource: Resource | GroupResource) -> GroupResource:
        """Where objects of `resource` are kept, whether or not anybody serves it."""
        if isinstance(resource, Resource):
            return resource.storage
        row = self.registry.storage_row(resource)
        return row.storage if row else resource

    def stored(self, row: Resource, namespace: str, name: str) -> Object:
        """The stored object itself (read only), in its storage version.

        Raises:
            NotFound: there is none.
        """
        found = self.store.get(row.storage, (namespace if row.namespaced else "", name))
        if found is None:
            raise NotFound.of(row.name, name)
        return found

    def new_uid(self) -> str:
        """A uid that no object has."""
        return str(uuid.UUID(int=self.randomness.getrandbits(128), version=4))

    def keep(self, row: Resource, obj: Object) -> Change:
        """Store `obj`, which belongs to the store from now on, and tell `after_write`."""
        return self._told(row, self.store.put(row.storage, obj))

    def drop(self, row: Resource, obj: Object) -> Change:
        """Remove the object whose last state is `obj`, and tell `after_write`."""
        return self._told(row, self.store.remove(row.storage, obj))

    def _told(self, row: Resource, change: Change) -> Change:
        for told in tuple(self.after_write):
            told(row, change)
        return change


def shown(row: Resource, obj: Object) -> Object:
    """Stored `obj` in the version of `row`; the same object if that is how it is stored."""
    if obj["apiVersion"] == row.api_version and obj["kind"] == row.kind:
        return obj
    content = obj if row.conversion is None else row.conversion.shown(obj)
    return content | {"apiVersion": row.api_version, "kind": row.kind}


def stored_form(backing: Backing, row: Resource, obj: Object) -> Object:
    """`obj` of the version of `row` as it is kept."""
    storing = backing.registry.storage_row(row.storage) or row
    content = obj if row.conversion is None else row.conversion.stored(obj)
    return content | {"apiVersion": storing.api_version, "kind": storing.kind}


def distinct(warnings: Iterable[str]) -> tuple[str, ...]:
    """Each of `warnings` once, in order of appearance."""
    return tuple(dict.fromkeys(warnings))
