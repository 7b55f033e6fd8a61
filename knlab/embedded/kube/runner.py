"""Runs controllers: watches for them, queues keys, calls `sync`, performs the writes, retries.

One task for each controller. A change is looked at in the next turn of the event loop; nothing
polls. Cancelling the task stops everything; starting it again begins with a look at every parent.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.controller import Controller, Outcome, Write
from knlab.embedded.kube.errors import AlreadyExists, Conflict, NotFound, StatusError
from knlab.embedded.kube.objects import (
    GroupResource,
    Key,
    Object,
    controller_of,
    group_of,
    key_of,
)
from knlab.embedded.kube.ownership import bare
from knlab.embedded.kube.store import Change
from knlab.embedded.kube.workqueue import WorkQueue

_OUT_OF_DATE: Final = (Conflict, NotFound, AlreadyExists)
"""What the API answers to a sync that has not seen the latest."""


async def run_controllers(
    controllers: Sequence[Controller],
    api: Api,
    *,
    log: Callable[[str], None],
    manager: str = "unknown",
) -> None:
    """Run `controllers` until cancelled; `manager` is noted as the owner of what they write."""
    async with asyncio.TaskGroup() as group:
        for controller in controllers:
            group.create_task(
                _Loop(controller, api, log, controller.manager or manager).run(),
                name=controller.name,
            )


class _Loop:
    """One controller at work."""

    def __init__(
        self, controller: Controller, api: Api, log: Callable[[str], None], manager: str
    ) -> None:
        self._controller = controller
        self._api = api
        self._log = log
        self._options = WriteOptions(field_manager=manager)
        self._queue: WorkQueue[Key] = WorkQueue(api.turns)
        self._changes: list[Change] = []
        self._parent = self._storage(controller.parent)
        self._owns = {self._storage(each) for each in controller.owns}
        self._watches = {self._storage(each): to for each, to in controller.watches.items()}
        self._resync_on = {self._storage(each) for each in controller.resync_on}

    def _storage(self, resource: GroupResource) -> GroupResource:
        row = self._api.registry.storage_row(resource)
        return row.storage if row else resource

    async def run(self) -> None:
        heard = {self._parent, *self._owns, *self._watches, *self._resync_on}
        with self._api.store.listening(self._heard, *heard):
            self._add_every_parent()
            if self._controller.wakes is not None:
                self._controller.wakes(self._queue.add)
            await self._queue.serve(self._absorb, self._work)

    def _heard(self, change: Change) -> None:
        self._changes.append(change)
        self._queue.wake()

    def _add_every_parent(self) -> None:
        for parent in self._api.store.items(self._parent):
            self._queue.add(key_of(parent))

    def _absorb(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            try:
                for key in self._affected(change):
                    self._queue.add(key)
            except Exception:  # a defect in one mapping must not stop the others
                self._log(f"{self._controller.name}: {traceback.format_exc()}")

    def _affected(self, change: Change) -> Iterator[Key]:
        states = [change.object] if change.old is None else [change.object, change.old]
        if change.resource == self._parent:
            yield key_of(change.object)
        if change.resource in self._owns:
            yield from self._owners(states)
        if change.resource in self._watches:
            for state in states:
                yield from self._watches[change.resource](state)
        if change.resource in self._resync_on:
            self._add_every_parent()

    def _owners(self, states: Iterable[Object]) -> Iterator[Key]:
        row = self._api.registry.storage_row(self._controller.parent)
        for state in states:
            owner = controller_of(state)
            if row is None or owner is None:
                continue
            if (group_of(owner["apiVersion"]), owner["kind"]) == (row.group, row.kind):
                yield key_of(state)[0] if row.namespaced else "", owner["name"]

    def _work(self, key: Key) -> None:
        name = f"{self._controller.name}: {'/'.join(filter(None, key))}"
        try:
            outcome = self._controller.sync(self._api, key, self._api.clock.now())
            outcome = self._carry_out(outcome)
            for note in outcome.notes:
                self._api.record(note, self._controller.name, self._options.field_manager)
                self._log(f"{name}: {note.reason}: {note.message}")
        except _OUT_OF_DATE:
            self._queue.retry(key)
        except StatusError as error:
            self._failed(key, name, error.message)
        except Exception:  # a defect in one sync must not stop the others
            self._failed(key, name, traceback.format_exc())
        else:
            if outcome.failed:
                self._failed(key, name, outcome.failed)
                return
            self._queue.succeeded(key)
            if outcome.again_after is not None:
                self._queue.add_after(key, outcome.again_after)

    def _failed(self, key: Key, name: str, why: str) -> None:
        pause = self._queue.retry(key)
        self._log(f"{name}: {why} (again in {pause:g} s)")

    def _carry_out(self, outcome: Outcome) -> Outcome:
        """Perform the writes; how the sync ends: as planned, or as its refused write says."""
        for write in outcome.writes:
            try:
                self._perform(write)
            except StatusError as error:
                if write.refused is None or isinstance(error, _OUT_OF_DATE):
                    raise
                return self._carry_out(write.refused(error.message))
        return outcome

    def _perform(self, write: Write) -> None:
        namespace, name = key_of(write.object)
        match write.verb:
            case "create":
                self._api.create(write.resource, write.object, self._options)
            case "update":
                obj, _ = bare(write.object)  # who owned what when it was read may be out of date
                self._api.update(write.resource, obj, self._options)
            case "update-status":
                change = partial(_with_status, write)
                self._api.patch(write.resource, namespace, name, change, self._options, "status")
            case "update-part":
                self._api.update(write.resource, write.object, self._options, write.part)
            case "scale":
                self._api.scale(write.resource, namespace, name, write.replicas, self._options)
            case "delete":
                body = dict(write.options)
                uid = write.object["metadata"].get("uid")
                if uid:
                    body["preconditions"] = {"uid": uid, **(body.get("preconditions") or {})}
                self._api.delete(write.resource, namespace, name, body, self._options)


def _with_status(write: Write, live: Object) -> Object:
    """`live` with the status that `write` brings, if it is still the object that was looked at.

    Raises:
        Conflict: another one has its name now.
    """
    seen = write.object["metadata"]
    if seen.get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
        raise Conflict.modified(write.resource, seen["name"])
    metadata = live["metadata"] | {"resourceVersion": seen.get("resourceVersion")}
    return live | {"metadata": metadata, "status": write.object.get("status")}
