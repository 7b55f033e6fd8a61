"""The work queue: once, later, again."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from knlab.embedded.kube.workqueue import FIRST_RETRY, LONGEST_RETRY, Turns, WorkQueue

pytestmark = pytest.mark.anyio


async def next_of(queue: WorkQueue[str]) -> str:
    while True:
        await asyncio.wait_for(queue.some(), 5)
        item = queue.take()
        if item is not None:
            return item


async def test_what_is_waiting_is_not_added_twice() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    for item in ("a", "b", "a"):
        queue.add(item)
    assert [queue.take(), queue.take(), queue.take()] == ["a", "b", None]


async def test_waiting_ends_when_something_comes() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    waiting = asyncio.ensure_future(next_of(queue))
    await asyncio.sleep(0)
    queue.wake()
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add("a")
    assert await waiting == "a"


async def test_the_sooner_timer_wins() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    queue.add_after("a", 60)
    queue.add_after("a", 0.001)
    queue.add_after("a", 60)
    assert await next_of(queue) == "a"


async def test_taking_drops_the_timer() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    queue.add_after("a", 0)
    queue.add("a")
    assert queue.take() == "a"
    await asyncio.sleep(0.01)
    assert queue.take() is None


async def test_pauses_double_up_to_a_limit_and_success_forgets() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    pauses = [queue.retry("a") for _ in range(40)]
    assert pauses[:3] == [FIRST_RETRY, 2 * FIRST_RETRY, 4 * FIRST_RETRY]
    assert pauses[-1] == LONGEST_RETRY
    queue.succeeded("a")
    assert queue.retry("a") == FIRST_RETRY
    queue.close()


async def test_what_is_absorbed_is_worked_on_in_turn_until_cancelled() -> None:
    queue: WorkQueue[str] = WorkQueue(Turns())
    heard, done, both = ["b", "a"], [], asyncio.Event()

    def absorb() -> None:
        while heard:
            queue.add(heard.pop())

    def work(item: str) -> None:
        done.append(item)
        queue.add_after(item, 60)
        if len(done) == 2:
            both.set()

    serving = asyncio.ensure_future(queue.serve(absorb, work))
    queue.wake()
    await asyncio.wait_for(both.wait(), 5)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert done == ["a", "b"]


async def test_queues_that_share_turns_work_one_after_the_other_and_others_in_between() -> None:
    turns, done = Turns(), list[str]()

    async def serve(*items: str) -> None:
        queue: WorkQueue[str] = WorkQueue(turns)
        for item in items:
            queue.add(item)
        await queue.serve(lambda: None, done.append)

    serving = [asyncio.ensure_future(serve(*items)) for items in (("a1", "a2"), ("b1", "b2"), "c")]
    for _ in range(30):
        await asyncio.sleep(0)
        done.append("-")
    for task in serving:
        task.cancel()
    assert [each for each in done if each != "-"] == ["a1", "b1", "c", "a2", "b2"]
    assert all("-" in pair for pair in itertools.pairwise(done))


async def test_what_comes_while_a_queue_waits_for_its_turn_is_absorbed_first() -> None:
    turns, heard, done = Turns(), ["a"], list[str]()
    queue: WorkQueue[str] = WorkQueue(turns)

    def absorb() -> None:
        while heard:
            queue.add(heard.pop())

    async with turns.turn():
        serving = asyncio.ensure_future(queue.serve(absorb, done.append))
        queue.wake()
        await asyncio.sleep(0)
        heard.append("a")
        queue.wake()
    for _ in range(10):
        await asyncio.sleep(0)
    serving.cancel()
    assert done == ["a"]
