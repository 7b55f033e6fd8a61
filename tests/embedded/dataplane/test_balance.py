"""Which pod gets a request, and how much an activator may send."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from knlab.embedded.dataplane.balance import (
    Pod,
    RoundRobin,
    assigned,
    capacity,
    first_available,
    policy_for,
    random_choice_of_two,
)
from knlab.embedded.dataplane.breaker import UNLIMITED


def pods(count: int, concurrency: int) -> list[Pod]:
    return [Pod((f"127.0.0.{number}", 8012), concurrency) for number in range(count)]


def picked(pod: Pod | None) -> int | None:
    return None if pod is None else int(pod.address[0].rpartition(".")[2])


@pytest.mark.parametrize(
    ("concurrency", "backends", "trackers", "activators", "expected"),
    [
        (10, 3, 3, 2, 30),
        (10, 3, 1, 2, 10),
        (10, 0, 0, 2, 0),
        (10, 3, 0, 2, 15),
        (1, 1, 0, 5, 1),
        (10, 3, 0, 0, 30),
        (0, 0, 0, 1, 0),
        (0, 2, 2, 1, UNLIMITED),
        (2_000_000_000, 2, 2, 1, UNLIMITED),
    ],
    ids=[
        "assigned pods count fully",
        "only assigned pods count",
        "no pods, no capacity",
        "a cluster address is shared by the activators",
        "a share is at least one",
        "no known activator is one",
        "without limit and pods: closed",
        "without limit and with pods: open",
        "more than the largest capacity is open",
    ],
)
def test_capacity(
    concurrency: int, backends: int, trackers: int, activators: int, expected: int
) -> None:
    got = capacity(concurrency, backends=backends, trackers=trackers, activators=activators)
    assert got == expected


@pytest.mark.parametrize(
    ("count", "index", "activators", "expected"),
    [
        (5, -1, 3, [0, 1, 2, 3, 4]),
        (1, 0, 3, [0]),
        (5, 0, 1, [0, 1, 2, 3, 4]),
        (3, 3, 5, [0]),
        (3, 4, 5, [1]),
        (6, 1, 3, [2, 3]),
        (20, 0, 3, [0, 1, 2, 3, 4, 5, 18]),
        (20, 1, 3, [6, 7, 8, 9, 10, 11, 19]),
        (20, 2, 3, [12, 13, 14, 15, 16, 17]),
    ],
    ids=[
        "an activator that is not listed uses all",
        "one pod is everybody's",
        "one activator has all",
        "fewer pods than activators: one each",
        "fewer pods than activators: round and round",
        "an even share",
        "the first takes one of the rest",
        "the second takes the other",
        "the third takes none of the rest",
    ],
)
def test_assignment(count: int, index: int, activators: int, expected: list[int]) -> None:
    assert list(assigned(range(count), index, activators)) == expected


def test_of_two_pods_the_less_loaded_is_taken() -> None:
    random, both = Random(1), pods(2, 0)
    both[0].in_flight = 1
    assert picked(random_choice_of_two(both, random)) == 1


def test_equal_pods_are_chosen_by_chance() -> None:
    random, counts = Random(1), Counter[int | None]()
    for _ in range(1000):
        counts[picked(random_choice_of_two(pods(2, 0), random))] += 1
    assert 400 < counts[0] < 600


def test_choice_of_two_reaches_every_pod_and_keeps_them_level() -> None:
    random, many = Random(1), pods(10, 0)
    for _ in range(1000):
        random_choice_of_two(many, random)
    assert all(90 <= pod.in_flight <= 110 for pod in many)


@pytest.mark.parametrize("count", [0, 1])
def test_choice_among_none_or_one(count: int) -> None:
    assert picked(random_choice_of_two(pods(count, 0), Random(1))) == (0 if count else None)


def test_the_first_available_pod_is_filled_first() -> None:
    some = pods(2, 2)
    assert [picked(first_available(some)) for _ in range(5)] == [0, 0, 1, 1, None]
    some[0].give_back()
    assert picked(first_available(some)) == 0


def test_round_robin_goes_on_after_the_last_and_skips_full_pods() -> None:
    policy, some = RoundRobin(), pods(3, 2)
    assert [picked(policy(some)) for _ in range(4)] == [0, 1, 2, 0]
    assert [picked(policy(some)) for _ in range(3)] == [1, 2, None]
    some[1].give_back()
    assert picked(policy(some)) == 1


def test_round_robin_starts_over_when_pods_are_fewer() -> None:
    policy, some = RoundRobin(), pods(3, 9)
    for _ in range(3):
        policy(some)
    assert picked(policy(some[:1])) == 0
    assert policy([]) is None


@pytest.mark.parametrize(
    ("concurrency", "order"),
    [(1, [0, 1, 2]), (3, [0, 0, 0]), (4, [0, 1, 2])],
    ids=["1: first available", "3: first available", "4: round robin"],
)
def test_the_policy_depends_on_the_concurrency(concurrency: int, order: list[int]) -> None:
    policy, some = policy_for(concurrency, Random(1)), pods(3, concurrency)
    assert [picked(policy(some)) for _ in range(3)] == order
