"""What is forgotten, and when."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.kube import compaction
from knlab.embedded.kube.errors import Expired
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.store import Store

pytestmark = pytest.mark.anyio

THINGS = GroupResource("ex.com", "things")


def thing(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}}


async def test_a_change_is_forgotten_once_an_interval_began_and_ended_after_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals: asyncio.Queue[float] = asyncio.Queue()
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def interval(seconds: float) -> None:
        intervals.put_nowait(seconds)
        await ended.get()

    monkeypatch.setattr("knlab.embedded.kube.compaction.asyncio.sleep", interval)
    compacting = asyncio.ensure_future(compaction.compact(store))
    store.put(THINGS, thing("before"))
    assert await intervals.get() == compaction.INTERVAL
    store.put(THINGS, thing("during"))
    ended.put_nowait(None)
    await intervals.get()
    with pytest.raises(Expired):
        store.items_at(THINGS, 0)
    assert [each["metadata"]["name"] for each in store.items_at(THINGS, 1)] == ["before"]
    ended.put_nowait(None)
    await intervals.get()
    with pytest.raises(Expired):
        store.items_at(THINGS, 1)
    compacting.cancel()
