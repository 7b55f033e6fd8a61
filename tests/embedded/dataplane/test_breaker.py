"""Tokens and slots: who runs, who waits, who is refused."""

from __future__ import annotations

import pytest

from knlab.embedded.dataplane.breaker import (
    Breaker,
    OpenOrClosed,
    QueueFull,
    Wake,
    queue_proxy_breaker,
)


def breaker(*, queue_depth: int = 10, most: int = 5, now: int = 2) -> Breaker:
    return Breaker(queue_depth=queue_depth, max_concurrency=most, initial_capacity=now)


def noted(notes: list[str], name: str) -> Wake:
    return lambda: notes.append(name)


@pytest.mark.parametrize("concurrency", [1, 2, 10])
def test_a_container_has_eleven_times_its_concurrency_in_slots(concurrency: int) -> None:
    gate = queue_proxy_breaker(concurrency)
    assert gate is not None
    running = sum(gate.enter(lambda: None) for _ in range(11 * concurrency))
    assert running == concurrency
    with pytest.raises(QueueFull, match=r"^pending request queue full$"):
        gate.enter(lambda: None)


def test_a_container_without_limit_has_no_breaker() -> None:
    assert queue_proxy_breaker(0) is None


def test_tokens_go_to_those_who_wait_in_their_order() -> None:
    gate, notes = breaker(), []  # type: tuple[Breaker, list[str]]
    assert [gate.enter(noted(notes, name)) for name in "abcd"] == [True, True, False, False]
    gate.leave()
    assert notes == ["c"]
    gate.leave()
    assert notes == ["c", "d"]
    assert gate.running == 2


def test_who_gives_up_is_not_woken_and_frees_a_slot() -> None:
    gate, notes = breaker(queue_depth=1, most=1, now=1), []  # type: tuple[Breaker, list[str]]
    waiting = noted(notes, "waiting")
    assert gate.enter(lambda: None)
    assert not gate.enter(waiting)
    gate.give_up(waiting)
    gate.leave()
    assert notes == []
    assert gate.pending == 0


def test_more_capacity_admits_as_many_as_it_allows() -> None:
    gate, notes = breaker(now=0), []  # type: tuple[Breaker, list[str]]
    for name in "abc":
        assert not gate.enter(noted(notes, name))
    gate.update_capacity(2)
    assert notes == ["a", "b"]


def test_less_capacity_lets_what_runs_finish_and_adds_nothing() -> None:
    gate, notes = breaker(), []  # type: tuple[Breaker, list[str]]
    for name in "abc":
        gate.enter(noted(notes, name))
    gate.update_capacity(1)
    gate.leave()
    assert notes == []
    gate.leave()
    assert notes == ["c"]


def test_a_reservation_never_waits() -> None:
    gate = breaker(now=1)
    assert gate.reserve()
    assert not gate.reserve()
    gate.leave()
    assert gate.reserve()


def test_leaving_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="not paired"):
        breaker().leave()


@pytest.mark.parametrize(
    ("queue_depth", "most", "now", "text"),
    [
        (0, 1, 1, "Queue depth must be greater than 0. Got 0."),
        (1, -1, 0, "Max concurrency must be 0 or greater. Got -1."),
        (1, 1, 2, "Initial capacity must be between 0 and max concurrency. Got 2."),
        (1, 1, -1, "Initial capacity must be between 0 and max concurrency. Got -1."),
    ],
)
def test_senseless_numbers_are_refused(queue_depth: int, most: int, now: int, text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        breaker(queue_depth=queue_depth, most=most, now=now)
    assert str(caught.value) == text


def test_a_gate_without_limit_is_open_or_closed() -> None:
    gate, notes = OpenOrClosed(), []  # type: tuple[OpenOrClosed, list[str]]
    assert not gate.reserve()
    for name in "abc":
        assert not gate.enter(noted(notes, name))
    gate.update_capacity(7)
    assert notes == ["a", "b", "c"]
    assert all(gate.reserve() and gate.enter(lambda: None) for _ in range(1000))
    gate.update_capacity(0)
    assert not gate.enter(noted(notes, "d"))
    assert notes == ["a", "b", "c"]
