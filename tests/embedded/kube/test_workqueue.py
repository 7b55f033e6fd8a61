"""The work queue: once, later, again."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.kube.workqueue import FIRST_RETRY, LONGEST_RETRY, WorkQueue

pytestmark = pytest.mark.anyio


async def next_of(queue: WorkQueue[str]) -> str:
    while True:
        await asyncio.wait_for(queue.some(), 5)
        item = queue.take()
        if item is not None:
            return item


async def test_what_is_waiting_is_not_added_twice() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for item in ("a", "b", "a"):
        queue.add(item)
    assert [queue.take(), queue.take(), queue.take()] == ["a", "b", None]


async def test_waiting_ends_when_something_comes() -> None:
    queue: WorkQueue[str] = WorkQueue()
    waiting = asyncio.ensure_future(next_of(queue))
    await asyncio.sleep(0)
    queue.wake()
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add("a")
    assert await waiting == "a"


async def test_the_sooner_timer_wins() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.001)
    queue.add_after("a", 60)
    assert await next_of(queue) == "a"


async def test_taking_drops_the_timer() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0)
    queue.add("a")
    assert queue.take() == "a"
    await asyncio.sleep(0.01)
    assert queue.take() is None


async def test_pauses_double_up_to_a_limit_and_success_forgets() -> None:
    queue: WorkQueue[str] = WorkQueue()
    pauses = [queue.retry("a") for _ in range(40)]
    assert pauses[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert pauses[-1] == LONGEST_RETRY
    queue.succeeded("a")
    assert queue.retry("a") == FIRST_RETRY
    queue.close()
