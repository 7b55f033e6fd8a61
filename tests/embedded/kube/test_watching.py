"""Watches at their source: lines of JSON, no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from knlab.embedded.kube import store as stores
from knlab.embedded.kube import watching
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Invalid, NotAcceptable, Timeout
from knlab.embedded.kube.objects import GroupResource
from knlab.embedded.kube.paths import Parameters, Target
from knlab.embedded.kube.representation import Wish
from knlab.embedded.kube.watching import Watches

pytestmark = pytest.mark.anyio

MAPS = GroupResource("", "configmaps")


class Watched:
    """One watch that a test reads event by event."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines
        self._pending: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        while not self._pending:
            async with asyncio.timeout(5):
                piece = await anext(self._lines)
            self._pending += [orjson.loads(line) for line in piece.splitlines()]
        return self._pending.pop(0)

    async def seen(self, count: int) -> list[tuple[str, str]]:
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]

    async def ended(self) -> bool:
        try:
            await self.next()
        except StopAsyncIteration:
            return True
        return False

    async def aclose(self) -> None:
        await self._lines.aclose()  # type: ignore[attr-defined]


def watch(
    api: Api, query: str = "", *, namespace: str | None = "default", wish: Wish | None = None
) -> aclosing[Watched]:
    row = api.registry.find("", "v1", "configmaps")
    assert row is not None
    watches = Watches(api.store, api.clock)
    lines = watches.stream(Target(row, namespace), Parameters(query), wish or Wish())
    return aclosing(Watched(lines))


def put(api: Api, name: str, namespace: str = "default", **labels: str) -> str:
    found = api.find(MAPS, namespace, name)
    if found is None:
        body = {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
        }  # fmt: skip
        made = api.create(MAPS, body).object
    else:
        found["metadata"]["labels"] = labels
        made = api.update(MAPS, found).object
    return str(made["metadata"]["resourceVersion"])


@pytest.mark.parametrize("query", ["", "resourceVersion=0"])
async def test_without_a_version_it_begins_with_what_is_there(api: Api, query: str) -> None:
    put(api, "a")
    put(api, "elsewhere", "other")
    async with watch(api, query) as watched:
        assert await watched.seen(1) == [("ADDED", "a")]
        put(api, "b")
        put(api, "b", x="1")
        api.delete(MAPS, "default", "b")
        assert await watched.seen(3) == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


async def test_from_a_version_everything_after_it(api: Api) -> None:
    version = put(api, "a")
    put(api, "b")
    async with watch(api, f"resourceVersion={version}") as watched:
        event = await watched.next()
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "b")
        assert event["object"]["kind"] == "ConfigMap"


async def test_selectors_turn_changes_into_arrivals_and_departures(api: Api) -> None:
    put(api, "a")
    async with watch(api, "labelSelector=x%3D1") as watched:
        events = asyncio.ensure_future(watched.seen(3))
        await asyncio.sleep(0)
        put(api, "a", x="1")
        put(api, "a", x="1", y="2")
        left = put(api, "a", x="2")
        api.delete(MAPS, "default", "a")
        assert await events == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        assert left  # the later deletion of an object that no longer matches is not seen
        put(api, "b", x="1")
        assert await watched.seen(1) == [("ADDED", "b")]


async def test_all_namespaces_and_one_by_field(api: Api) -> None:
    put(api, "a")
    put(api, "a", "other")
    async with watch(api, namespace=None) as watched:
        assert await watched.seen(2) == [("ADDED", "a"), ("ADDED", "a")]
    async with watch(api, "fieldSelector=metadata.name%3Db") as watched:
        events = asyncio.ensure_future(watched.seen(1))
        await asyncio.sleep(0)
        put(api, "c")
        put(api, "b")
        assert await events == [("ADDED", "b")]


async def test_initial_events_end_with_a_bookmark(api: Api) -> None:
    put(api, "a")
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with watch(api, query) as watched:
        assert (await watched.next())["type"] == "ADDED"
        mark = await watched.next()
        assert mark["type"] == "BOOKMARK"
        metadata = mark["object"]["metadata"]
        assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert metadata["resourceVersion"] == str(api.store.version)


async def test_what_makes_no_sense_is_refused_before_the_stream(api: Api) -> None:
    with pytest.raises(Invalid, match="sendInitialEvents requires"):
        watch(api, "sendInitialEvents=true")
    with pytest.raises(Timeout, match="Too large resource version"):
        watch(api, "resourceVersion=99999")
    with pytest.raises(NotAcceptable):
        watch(api, wish=Wish(encoding="yaml"))


async def test_a_forgotten_version_is_an_error_event(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "HISTORY", 1)
    version = put(api, "a")
    for label in "bcde":
        put(api, "a", x=label)
    async with watch(api, f"resourceVersion={version}") as watched:
        event = await watched.next()
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert await watched.ended()


async def test_it_ends_in_time_with_a_last_bookmark(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BOOKMARK_EVERY", 0.4)
    async with watch(api, "timeoutSeconds=1&allowWatchBookmarks=true") as watched:
        marks = [await watched.next() for _ in range(3)]
        assert {mark["type"] for mark in marks} == {"BOOKMARK"}
        assert await watched.ended()


async def test_tables_have_headers_in_the_first_event_only(api: Api) -> None:
    put(api, "a")
    async with watch(api, wish=Wish(form="table")) as watched:
        first = (await watched.next())["object"]
        put(api, "b")
        second = (await watched.next())["object"]
    assert (first["kind"], first["rows"][0]["cells"][0]) == ("Table", "a")
    assert first["columnDefinitions"]
    assert second["columnDefinitions"] is None
    assert second["rows"][0]["cells"][0] == "b"


async def test_a_closed_watch_leaves_nothing_behind(api: Api) -> None:
    put(api, "a")
    async with watch(api) as watched:
        await watched.next()
        assert len(api.store._subscriptions) == 1
    assert not api.store._subscriptions


async def test_changes_of_a_burst_come_in_one_piece_and_all_before_the_end(api: Api) -> None:
    since = put(api, "a")
    async with watch(api, f"resourceVersion={since}") as watched:
        put(api, "b")
        put(api, "c")
        assert len((await anext(watched._lines)).splitlines()) == 2
        put(api, "d")
        for subscription in tuple(api.store._subscriptions):
            subscription.close()
        assert await watched.seen(1) == [("ADDED", "d")]
        assert await watched.ended()


async def test_watchers_of_one_change_share_its_bytes(api: Api) -> None:
    row = api.registry.find("", "v1", "configmaps")
    assert row is not None
    watches = Watches(api.store, api.clock)
    since = Parameters(f"resourceVersion={put(api, 'a')}")
    put(api, "b")
    found = []
    for _ in range(2):
        lines = watches.stream(Target(row, None), since, Wish())
        found.append(await anext(lines))
        await lines.aclose()  # type: ignore[attr-defined]
    assert found[0] == found[1]
    assert len(watches._shared) == 1
