"""The garbage collector: dependents go when their owners go, whatever their kinds.

owner gone                       its dependents are deleted (in the background, unless told else)
owner waits (foregroundDeletion) dependents go first; those that block it must be gone
owner orphans                    dependents lose the reference, then the owner goes
owner never existed              the dependent is deleted at once
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Final, NamedTuple

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.deletion import FOREGROUND, ORPHAN
from knlab.embedded.kube.dependents import (
    Dependents,
    Place,
    is_orphaning,
    is_terminating,
    is_waiting,
    references,
)
from knlab.embedded.kube.errors import Conflict, NotFound, StatusError
from knlab.embedded.kube.objects import Object, key_of
from knlab.embedded.kube.store import Change
from knlab.embedded.kube.workqueue import WorkQueue

_USER: Final = WriteOptions(
    user="system:serviceaccount:kube-system:generic-garbage-collector",
    field_manager="kube-controller-manager",
)


async def collect_garbage(api: Api, log: Callable[[str], None]) -> None:
    """Collect until cancelled; kinds that appear later are included."""
    await _Collector(api, log).run()


class _Owners(NamedTuple):
    """The owner references of one object, sorted by what became of the owners."""

    solid: list[Object]
    dangling: list[Object]
    waiting: list[Object]
    """Owners that wait, in the foreground, for this object to go."""


class _Collector:
    def __init__(self, api: Api, log: Callable[[str], None]) -> None:
        self._api = api
        self._log = log
        self._dependents = Dependents()
        self._queue: WorkQueue[Place] = WorkQueue(api.turns)
        self._changes: list[Change] = []

    async def run(self) -> None:
        with self._api.store.listening(self._heard):
            self._survey()
            await self._queue.serve(self._absorb, self._work)

    def _heard(self, change: Change) -> None:
        self._changes.append(change)
        self._queue.wake()

    def _survey(self) -> None:
        for resource in self._api.store.resources:
            for obj in self._api.store.items(resource):
                self._noticed((resource, key_of(obj)), obj)

    def _absorb(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            place = change.resource, key_of(change.object)
            if change.type == "DELETED":
                self._lost(place, change.object)
            else:
                self._noticed(place, change.object)
                self._look_at_former_owners(change)

    def _look_at_former_owners(self, change: Change) -> None:
        """Owners that lost a dependent may wait for just that."""
        kept = {each["uid"] for each in references(change.object)}
        for reference in references(change.old) if change.old else ():
            owner = self._place_of(reference, key_of(change.object)[0])
            if owner is not None and reference["uid"] not in kept:
                self._queue.add(owner)

    def _noticed(self, place: Place, obj: Object) -> None:
        self._dependents.seen(place, obj)
        if references(obj) or is_waiting(obj) or is_orphaning(obj):
            self._queue.add(place)

    def _lost(self, place: Place, obj: Object) -> None:
        self._dependents.removed(place, obj)
        for dependent in self._dependents.of(obj["metadata"]["uid"]):
            self._queue.add(dependent)
        for reference in references(obj):
            owner = self._place_of(reference, place[1][0])
            if owner is not None:
                self._queue.add(owner)

    def _work(self, place: Place) -> None:
        try:
            self._attend(place)
        except (Conflict, NotFound):
            self._queue.retry(place)  # somebody else was quicker
        except StatusError as error:
            self._failed(place, error.message)
        except Exception:  # a defect with one object must not stop the others
            self._failed(place, traceback.format_exc())
        else:
            self._queue.succeeded(place)

    def _failed(self, place: Place, why: str) -> None:
        pause = self._queue.retry(place)
        resource, key = place
        self._log(
            f"garbage: {resource} {'/'.join(filter(None, key))}: {why} (again in {pause:g} s)"
        )

    def _attend(self, place: Place) -> None:
        obj = self._api.store.get(*place)
        if obj is None or self._api.registry.storage_row(place[0]) is None:
            return
        if is_orphaning(obj):
            self._orphan(place, obj)
        elif is_waiting(obj):
            self._serve_waiting(place, obj)
        if not is_terminating(obj):
            self._check_owners(place, obj)

    def _orphan(self, place: Place, owner: Object) -> None:
        uid = owner["metadata"]["uid"]
        for dependent in self._dependents.of(uid):
            self._release(dependent, {uid})
        self._without_finalizer(place, ORPHAN)

    def _serve_waiting(self, place: Place, owner: Object) -> None:
        """Delete the dependents that `owner` waits for; let it go when there are none."""
        blocking = self._blocking(owner)
        if not blocking:
            self._without_finalizer(place, FOREGROUND)
        for dependent in blocking:
            self._queue.add(dependent)

    def _blocking(self, owner: Object) -> list[Place]:
        uid = owner["metadata"]["uid"]
        return [
            place
            for place in self._dependents.of(uid)
            for obj in (self._api.store.get(*place),)
            if obj is not None
            for reference in references(obj)
            if reference["uid"] == uid and reference.get("blockOwnerDeletion")
        ]

    def _check_owners(self, place: Place, obj: Object) -> None:
        owners = self._sorted_owners(obj)
        if owners.solid:
            self._release(place, {each["uid"] for each in owners.dangling + owners.waiting})
            return
        if not owners.dangling and not owners.waiting:
            return
        has_dependents = bool(self._dependents.of(obj["metadata"]["uid"]))
        policy = "Foreground" if owners.waiting and has_dependents else "Background"
        resource, (namespace, name) = place
        fields = obj["metadata"]
        body = {
            "propagationPolicy": policy,
            "preconditions": {"uid": fields["uid"], "resourceVersion": fields["resourceVersion"]},
        }
        self._api.delete(resource, namespace, name, body, _USER)

    def _sorted_owners(self, obj: Object) -> _Owners:
        owners = _Owners([], [], [])
        for reference in references(obj):
            if self._dependents.is_gone(reference["uid"]):
                owners.dangling.append(reference)
                continue
            place = self._place_of(reference, obj["metadata"].get("namespace", ""))
            if place is None:  # a kind that nobody serves (yet): the owner may well be there
                owners.solid.append(reference)
                continue
            owner = self._api.store.get(*place)
            if owner is None or owner["metadata"]["uid"] != reference["uid"]:
                owners.dangling.append(reference)
            elif is_waiting(owner) and reference.get("blockOwnerDeletion"):
                owners.waiting.append(reference)
            else:
                owners.solid.append(reference)
        return owners

    def _place_of(self, reference: Object, namespace: str) -> Place | None:
        row = self._api.registry.by_kind(reference["apiVersion"], reference["kind"])
        if row is None:
            return None
        return row.storage, (namespace if row.namespaced else "", reference["name"])

    def _release(self, place: Place, uids: set[str]) -> None:
        """Remove the references to `uids` from a dependent."""
        if not uids or self._api.store.get(*place) is None:
            return

        def change(obj: Object) -> Object:
            kept = [each for each in references(obj) if each["uid"] not in uids]
            obj["metadata"]["ownerReferences"] = kept
            return obj

        resource, (namespace, name) = place
        self._api.patch(resource, namespace, name, change, _USER)

    def _without_finalizer(self, place: Place, finalizer: str) -> None:
        def change(obj: Object) -> Object:
            fields = obj["metadata"]
            fields["finalizers"] = [each for each in fields["finalizers"] if each != finalizer]
            return obj

        resource, (namespace, name) = place
        self._api.patch(resource, namespace, name, change, _USER)
