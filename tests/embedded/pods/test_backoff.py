"""Waits that double."""

from __future__ import annotations

from knlab.embedded.pods.backoff import Backoff


def test_waits_double_up_to_the_limit() -> None:
    backoff = Backoff(10, 300)
    assert [backoff.failed(0) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]


def test_the_first_restart_is_at_once() -> None:
    backoff = Backoff(10, 300, free=1)
    assert [backoff.failed(0) for _ in range(4)] == [0, 10, 20, 40]


def test_ten_good_minutes_are_a_fresh_start() -> None:
    backoff = Backoff(10, 300, free=1, forgiven=600)
    assert [backoff.failed(now) for now in (0, 10, 609, 1209, 1210)] == [0, 10, 20, 0, 10]
