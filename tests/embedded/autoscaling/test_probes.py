"""Probes of the activator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from knlab._clock import ManualClock, SystemClock
from knlab.embedded.autoscaling.probes import FRESH, ActivatorProbes, Ask
from knlab.embedded.kube.objects import Key

KEY = ("default", "hello-00001")


async def yes(_key: Key) -> bool:
    return True


@asynccontextmanager
async def probing(
    ask: Ask, clock: ManualClock | SystemClock
) -> AsyncIterator[tuple[ActivatorProbes, asyncio.Event]]:
    woken = asyncio.Event()
    probes = ActivatorProbes(ask, clock)
    probes.on_answer(lambda _key: woken.set())
    async with asyncio.TaskGroup() as group:
        probes.begin(group)
        yield probes, woken
        probes.end()


@pytest.mark.anyio
async def test_an_answer_wakes_and_counts_for_a_moment() -> None:
    clock = ManualClock()
    async with probing(yes, clock) as (probes, woken):
        assert not probes.answers(KEY)
        probes.request(KEY)
        await asyncio.wait_for(woken.wait(), 5)
        assert probes.answers(KEY)
        clock.advance(FRESH + 0.1)
        assert not probes.answers(KEY)


@pytest.mark.anyio
async def test_one_probe_at_a_time() -> None:
    asked, go = [], asyncio.Event()

    async def slowly(key: Key) -> bool:
        asked.append(key)
        await go.wait()
        return True

    async with probing(slowly, ManualClock()) as (probes, woken):
        probes.request(KEY)
        probes.request(KEY)
        go.set()
        await asyncio.wait_for(woken.wait(), 5)
        assert asked == [KEY]
        probes.request(KEY)
    assert asked == [KEY, KEY]


@pytest.mark.anyio
async def test_without_an_answer_it_asks_again_every_second() -> None:
    times: list[float] = []
    clock = SystemClock()

    async def at_last(_key: Key) -> bool:
        times.append(clock.monotonic())
        if len(times) == 1:
            raise ConnectionRefusedError
        return True

    async with probing(at_last, clock) as (probes, woken):
        probes.request(KEY)
        await asyncio.wait_for(woken.wait(), 10)
        assert probes.answers(KEY)
        woken_at = clock.monotonic()
    assert len(times) == 2
    assert times[1] - times[0] > 0.9
    assert woken_at - times[1] > 0.9


@pytest.mark.anyio
async def test_it_gives_up() -> None:
    clock = ManualClock()

    async def never(_key: Key) -> bool:
        clock.advance(50.0)
        return False

    async with probing(never, clock) as (probes, woken):
        probes.request(KEY)
        await asyncio.wait_for(woken.wait(), 5)
        assert not probes.answers(KEY)


@pytest.mark.anyio
async def test_nothing_is_asked_while_nobody_runs_it() -> None:
    asked = []

    async def ask(key: Key) -> bool:
        asked.append(key)
        return True

    probes = ActivatorProbes(ask, ManualClock())
    probes.request(KEY)
    await asyncio.sleep(0)
    assert asked == []


@pytest.mark.anyio
async def test_nobody_has_to_be_woken() -> None:
    probes = ActivatorProbes(yes, ManualClock())
    async with asyncio.TaskGroup() as group:
        probes.begin(group)
        probes.request(KEY)
    assert probes.answers(KEY)
