"""Watches: what changed, as lines of JSON, until the client goes away or its time is up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from knlab._clock import Clock
from knlab.embedded.kube import listing, tables
from knlab.embedded.kube.backing import shown
from knlab.embedded.kube.errors import NotAcceptable, StatusError
from knlab.embedded.kube.list_options import watch_query
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters, Target
from knlab.embedded.kube.registry import Resource
from knlab.embedded.kube.representation import Wish
from knlab.embedded.kube.selectors import FieldSelector, LabelSelector
from knlab.embedded.kube.store import Change, Store, Subscription, too_large

BOOKMARK_EVERY: Final = 60.0
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"

_DEFAULT_TIMEOUT: Final = (1800.0, 3600.0)
_PAUSE: Final = 0.005
"""Seconds after a piece in which changes gather for the next: many watchers of many changes."""
_SHARED: Final = 256
"""Encoded events kept for other watchers of the same change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one watch delivers."""

    row: Resource
    namespace: str | None
    labels: LabelSelector
    fields: FieldSelector
    selective: bool
    """Whether a selector may leave objects out."""
    since: int | None
    """Changes after this version; None: from now on."""
    initial: bool
    """Begin with everything there is."""
    marks_initial: bool
    """Say with a bookmark where that ends."""
    bookmarks: bool
    seconds: float


def plan_watch(target: Target, parameters: Parameters, current: int) -> Plan:
    """What the query of a watch asks for, at version `current` of the store.

    Raises:
        StatusError: the parameters make no sense, or name a version that is still to come.
    """
    query, version = watch_query(target, parameters)
    labels, fields = listing.selectors(target.row, query)
    wanted = parameters.flag("sendInitialEvents")
    if version > current:
        raise too_large(version, current)
    initial = wanted if parameters.has("sendInitialEvents") else version == 0
    return Plan(
        row=target.row,
        namespace=target.namespace,
        labels=labels,
        fields=fields,
        selective=bool(query.labels or query.fields),
        since=None if initial or version == 0 else version,
        initial=initial,
        marks_initial=wanted and parameters.flag("allowWatchBookmarks"),
        bookmarks=parameters.flag("allowWatchBookmarks"),
        seconds=float(parameters.number("timeoutSeconds") or random.uniform(*_DEFAULT_TIMEOUT)),
    )


class Watches:
    """Streams of changes; one change is encoded once for everybody who gets the same bytes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shared: dict[tuple[int, str, str, str, str], bytes] = {}

    def stream(self, target: Target, parameters: Parameters, wish: Wish) -> AsyncIterator[bytes]:
        """The lines of a watch.

        Raises:
            StatusError: before the stream begins; what happens later is an event in it.
        """
        if wish.encoding != "json":
            raise NotAcceptable("a watch is only available as application/json")
        return self._lines(plan_watch(target, parameters, self._store.version), wish)

    async def _lines(self, plan: Plan, wish: Wish) -> AsyncIterator[bytes]:
        writer = _Writer(self._shared, self._clock, plan.row, wish)
        try:
            with self._store.subscribe(plan.row.storage, plan.since) as subscription:
                if begin := b"".join(self._begin(plan, writer)):
                    yield begin
                async for piece in _live(plan, subscription, writer):
                    yield piece
        except StatusError as error:
            yield _line("ERROR", error.status())

    def _begin(self, plan: Plan, writer: _Writer) -> Iterator[bytes]:
        if not plan.initial:
            return
        for item in self._store.items(plan.row.storage, plan.namespace):
            if _selects(plan, item):
                yield writer.event("ADDED", item)
        if plan.marks_initial:
            yield writer.bookmark(self._store.version, initial_end=True)


async def _live(plan: Plan, subscription: Subscription, writer: _Writer) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + plan.seconds
    while (now := loop.time()) < deadline:
        changes = await subscription.some(until=min(deadline, now + BOOKMARK_EVERY))
        if piece := b"".join(_written(plan, changes, writer)):
            yield piece
            await asyncio.sleep(_PAUSE)
        elif not changes and subscription.closed:
            return
        elif not changes and plan.bookmarks:
            yield writer.bookmark(subscription.version)


def _written(plan: Plan, changes: Iterable[Change], writer: _Writer) -> Iterator[bytes]:
    for change in changes:
        if plan.namespace is None or change.object["metadata"]["namespace"] == plan.namespace:
            kind = _seen_as(plan, change)
            if kind:
                yield writer.event(kind, change.object, change.version)


def _seen_as(plan: Plan, change: Change) -> str:
    """The type of event that a watcher with these selectors sees; empty if it sees nothing."""
    if not plan.selective:
        return change.type
    before = _selects(plan, change.old) if change.old is not None else False
    if change.type == "DELETED":
        return "DELETED" if before else ""
    after = _selects(plan, change.object)
    if after:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def _selects(plan: Plan, obj: Object) -> bool:
    return plan.labels.matches_object(obj) and plan.fields.matches(shown(plan.row, obj))


class _Writer:
    """Events of one watch as bytes."""

    def __init__(
        self,
        shared: dict[tuple[int, str, str, str, str], bytes],
        clock: Clock,
        row: Resource,
        wish: Wish,
    ) -> None:
        self._shared = shared
        self._clock = clock
        self._row = row
        self._wish = wish
        self._headers = True

    def event(self, kind: str, obj: Object, version: int | None = None) -> bytes:
        """An event about `obj`; `version` names the change that it reports."""
        if self._wish.form == "table":
            return self._table_event(kind, obj)
        if version is None:
            return self._encoded(kind, obj)
        key = (version, kind, self._row.api_version, self._row.kind, self._wish.form)
        known = self._shared.get(key)
        if known is None:
            if len(self._shared) >= _SHARED:
                self._shared.clear()
            known = self._shared[key] = self._encoded(kind, obj)
        return known

    def _encoded(self, kind: str, obj: Object) -> bytes:
        whole = shown(self._row, obj)
        return _line(
            kind, tables.partial_metadata(whole) if self._wish.form == "metadata" else whole
        )

    def _table_event(self, kind: str, obj: Object) -> bytes:
        content = tables.table(
            self._row,
            [shown(self._row, obj)],
            now=self._clock.now(),
            include=self._wish.include,
            metadata={"resourceVersion": obj["metadata"]["resourceVersion"]},
            version=self._wish.meta_version,
            headers=self._headers,
        )
        self._headers = False
        return _line(kind, content)

    def bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        """An event that says only how far the watch has come."""
        metadata: Object = {"resourceVersion": str(version)}
        if initial_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        if self._wish.form == "table":
            content = tables.table(
                self._row, (), now=0.0, metadata=metadata, version=self._wish.meta_version,
                headers=False,
            )  # fmt: skip
            return _line("BOOKMARK", content)
        content = {
            "kind": self._row.kind,
            "apiVersion": self._row.api_version,
            "metadata": metadata,
        }
        if self._wish.form == "metadata":
            content = tables.partial_metadata(content)
        return _line("BOOKMARK", content)


def _line(kind: str, obj: Object) -> bytes:
    return orjson.dumps({"type": kind, "object": obj}, option=orjson.OPT_APPEND_NEWLINE)
