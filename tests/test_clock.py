"""Clocks: the machine's runs, the manual one moves when told to."""

from __future__ import annotations

import pytest

from knlab._clock import ManualClock, SystemClock


def test_the_machines_clock_does_not_run_backwards() -> None:
    clock = SystemClock()
    first = clock.monotonic()
    assert clock.monotonic() >= first
    assert clock.now() > 1_600_000_000


def test_a_manual_clock_moves_only_forwards_and_only_when_told() -> None:
    clock = ManualClock(5.0)
    clock.advance(1.5)
    assert (clock.now(), clock.monotonic()) == (6.5, 6.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
