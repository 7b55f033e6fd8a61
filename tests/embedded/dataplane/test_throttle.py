"""Waiting for room at a revision."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from knlab.embedded.dataplane.balance import QUEUE_DEPTH
from knlab.embedded.dataplane.breaker import Breaker, OpenOrClosed, QueueFull
from knlab.embedded.dataplane.throttle import Lease, RevisionThrottle, enter

pytestmark = pytest.mark.anyio

PODS = [(f"127.0.1.{number}", 8012) for number in range(1, 4)]


def throttle(concurrency: int, pods: int = 0) -> RevisionThrottle:
    made = RevisionThrottle(concurrency, Random(1))
    made.update(PODS[:pods], (), "me")
    return made


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("concurrency", [0, 1, 10])
async def test_requests_wait_while_there_is_no_pod(concurrency: int) -> None:
    waiting = throttle(concurrency)
    requests = [asyncio.create_task(waiting.acquire()) for _ in range(5)]
    await settle()
    assert not any(request.done() for request in requests)
    waiting.update(PODS[:1], (), "me")
    await settle()
    assert sum(request.done() for request in requests) == min(5, concurrency or 5)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)


async def test_a_pod_gets_no_more_than_its_concurrency() -> None:
    throttled = throttle(2, pods=3)
    leases = [await throttled.acquire() for _ in range(6)]
    assert sorted(lease.address for lease in leases) == sorted(PODS * 2)
    assert throttled.acquire_now() is None
    waiting = asyncio.create_task(throttled.acquire())
    await settle()
    leases[3].give_back()
    assert (await waiting).address == leases[3].address


async def test_the_queue_is_bounded() -> None:
    throttled = throttle(1, pods=1)
    await throttled.acquire()
    full = Breaker(queue_depth=1, max_concurrency=1, initial_capacity=1)
    await enter(full)
    waiting = asyncio.create_task(enter(full))
    await settle()
    with pytest.raises(QueueFull):
        await enter(full)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert QUEUE_DEPTH == 10_000


async def test_whoever_gives_up_while_waiting_takes_nothing_along() -> None:
    throttled = throttle(1, pods=1)
    first = await throttled.acquire()
    givers_up = [asyncio.create_task(throttled.acquire()) for _ in range(3)]
    patient = asyncio.create_task(throttled.acquire())
    await settle()
    givers_up[0].cancel()
    givers_up[2].cancel()
    await settle()
    first.give_back()
    givers_up[1].cancel()
    assert isinstance(await patient, Lease)
    done = await asyncio.gather(*givers_up, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in done)


@pytest.mark.parametrize(
    "gate",
    [
        pytest.param(
            Breaker(queue_depth=5, max_concurrency=1, initial_capacity=1), id="with a limit"
        ),
        pytest.param(OpenOrClosed(), id="without a limit"),
    ],
)
async def test_whoever_gives_up_just_when_admitted_leaves_the_place_to_the_next(
    gate: Breaker | OpenOrClosed,
) -> None:
    gate.update_capacity(1)
    await enter(gate)
    gate.update_capacity(0)
    waiting = asyncio.create_task(enter(gate))
    await settle()
    waiting.cancel()
    gate.update_capacity(1)
    gate.leave()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.reserve()


async def test_a_pod_that_goes_before_the_woken_request_runs_sends_it_back() -> None:
    throttled = throttle(0)
    waiting = asyncio.create_task(throttled.acquire())
    await settle()
    throttled.update(PODS[:1], (), "me")
    throttled.update((), (), "me")
    await settle()
    assert not waiting.done()
    throttled.update(PODS[1:2], (), "me")
    assert (await waiting).address == PODS[1]


async def test_pods_keep_their_count_when_others_come_and_go() -> None:
    throttled = throttle(1, pods=1)
    lease = await throttled.acquire()
    throttled.update(PODS[:2], (), "me")
    assert (await throttled.acquire()).address == PODS[1]
    throttled.update(PODS[1:2], (), "me")
    assert throttled.acquire_now() is None
    lease.give_back()
    assert throttled.acquire_now() is None


async def test_activators_share_pods_by_their_place_in_the_list() -> None:
    throttled = RevisionThrottle(1, Random(1))
    throttled.update(PODS[:2], ("10.0.0.2", "10.0.0.1"), "10.0.0.2")
    assert (await throttled.acquire()).address == PODS[1]
    assert throttled.acquire_now() is None
    throttled.update(PODS[:2], ("10.0.0.9",), "10.0.0.2")
    assert throttled.acquire_now() is None
