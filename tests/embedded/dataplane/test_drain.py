"""Quiet periods and what is in flight."""

from __future__ import annotations

import asyncio

import pytest

from knlab.embedded.dataplane.drain import QUIET_PERIOD, Drainer, InFlight

pytestmark = pytest.mark.anyio


def test_knative_waits_thirty_seconds() -> None:
    assert QUIET_PERIOD == 30.0


async def test_a_drain_ends_after_a_quiet_period() -> None:
    drainer = Drainer(0.05)
    draining = asyncio.create_task(drainer.drain())
    await asyncio.sleep(0)
    assert drainer.draining
    async with asyncio.timeout(2):
        await draining
    assert drainer.draining
    async with asyncio.timeout(0.04):
        await drainer.drain()


async def test_a_request_begins_the_quiet_period_anew() -> None:
    drainer, loop = Drainer(0.1), asyncio.get_running_loop()
    begin = loop.time()
    draining = asyncio.create_task(drainer.drain())
    for _ in range(4):
        await asyncio.sleep(0.05)
        drainer.request_came()
    await draining
    assert loop.time() - begin >= 0.3


async def test_a_reset_ends_the_drain_and_the_next_one_takes_its_full_time() -> None:
    drainer, loop = Drainer(0.2), asyncio.get_running_loop()
    draining = asyncio.create_task(drainer.drain())
    await asyncio.sleep(0)
    drainer.reset()
    await draining
    assert not drainer.draining
    begin = loop.time()
    await drainer.drain()
    assert loop.time() - begin >= 0.19


async def test_requests_are_waited_for_without_limit_and_upgrades_for_a_while() -> None:
    in_flight = InFlight()
    for _ in range(3):
        in_flight.begin()
    in_flight.upgrade()
    finished = asyncio.create_task(in_flight.finished(0.05))
    in_flight.end()
    await asyncio.sleep(0.1)
    assert not finished.done()
    in_flight.end()
    async with asyncio.timeout(2):
        await finished
    assert in_flight.upgraded == 1


async def test_when_nothing_is_in_flight_there_is_nothing_to_wait_for() -> None:
    in_flight = InFlight()
    in_flight.begin()
    in_flight.upgrade()
    in_flight.end_upgraded()
    async with asyncio.timeout(1):
        await in_flight.finished()
