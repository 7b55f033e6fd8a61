"""Which pod an activator uses, and how much it may send (`pkg/activator/net`). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias, TypeVar

from knlab.embedded.dataplane.breaker import UNLIMITED, Breaker
from knlab.embedded.net.http import Address

QUEUE_DEPTH = 10_000
"""How many requests may wait in front of a revision, or of one of its pods."""

FIRST_AVAILABLE_UP_TO = 3
"""Up to this container concurrency the first pod with room is taken."""

T = TypeVar("T")


class Pod:
    """A pod as a destination: how much this activator has there, and whether there is room."""

    __slots__ = ("_breaker", "address", "in_flight")

    def __init__(self, address: Address, container_concurrency: int) -> None:
        self.address = address
        self.in_flight = 0
        self._breaker = (
            Breaker(
                queue_depth=QUEUE_DEPTH,
                max_concurrency=container_concurrency,
                initial_capacity=container_concurrency,
            )
            if container_concurrency
            else None
        )

    def take(self) -> bool:
        """Whether there is room for one more; it is counted then."""
        if self._breaker is not None and not self._breaker.reserve():
            return False
        self.in_flight += 1
        return True

    def give_back(self) -> None:
        """A request to this pod is over."""
        self.in_flight -= 1
        if self._breaker is not None:
            self._breaker.leave()


Policy: TypeAlias = Callable[[Sequence[Pod]], Pod | None]
"""Takes room in one of the pods; None if nobody has any."""


def policy_for(container_concurrency: int, random: Random) -> Policy:
    """The policy that Knative uses for a container concurrency."""
    if container_concurrency == 0:
        return lambda pods: random_choice_of_two(pods, random)
    if container_concurrency <= FIRST_AVAILABLE_UP_TO:
        return first_available
    return RoundRobin()


def random_choice_of_two(pods: Sequence[Pod], random: Random) -> Pod | None:
    """The less loaded of two pods drawn at random; equals are decided by chance."""
    count = len(pods)
    if count <= 1:
        pick = pods[0] if pods else None
    else:
        first, second = (0, 1) if count == 2 else _two_of(count, random)
        pick, other = pods[first], pods[second]
        if pick.in_flight > other.in_flight or (
            pick.in_flight == other.in_flight and random.random() < 0.5
        ):
            pick = other
    if pick is not None:
        pick.take()
    return pick


def _two_of(count: int, random: Random) -> tuple[int, int]:
    first = int(random.random() * count)
    second = int(random.random() * (count - 1))
    return first, second + 1 if second >= first else second


def first_available(pods: Sequence[Pod]) -> Pod | None:
    """The first pod that has room now."""
    return next((pod for pod in pods if pod.take()), None)


class RoundRobin:
    """Starts after the pod picked last, and skips pods without room."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, pods: Sequence[Pod]) -> Pod | None:
        """The next pod that has room now."""
        count = len(pods)
        start = self._next if self._next < count else 0
        for step in range(count):
            index = (start + step) % count
            if pods[index].take():
                self._next = index + 1
                return pods[index]
        return None


def capacity(container_concurrency: int, *, backends: int, trackers: int, activators: int) -> int:
    """How many requests one activator may have at a revision.

    `trackers` counts the pods assigned to it; without any, `backends` behind a cluster address are
    shared by all activators.
    """
    if trackers:
        target = container_concurrency * trackers
    else:
        target = container_concurrency * backends
        target = max(1, target // max(1, activators)) if target else 0
    if backends and (container_concurrency == 0 or target > UNLIMITED):
        return UNLIMITED
    return target


def assigned(pods: Sequence[T], index: int, activators: int) -> Sequence[T]:
    """The part of the sorted `pods` that the activator at `index` (-1: not listed) may use."""
    if index == -1 or len(pods) <= 1 or activators == 1:
        return pods
    if activators > len(pods):
        return [pods[index % len(pods)]]
    size, rest = divmod(len(pods), activators)
    mine = list(pods[index * size : (index + 1) * size])
    if index < rest:
        mine.append(pods[len(pods) - rest + index])
    return mine
