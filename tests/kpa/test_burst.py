"""Burst capacity, activators, Serve and Proxy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knlab.kpa.burst import (
    activators_needed,
    excess_burst_capacity,
    initial_burst_capacity,
    path_mode,
)
from knlab.kpa.spec import DeciderSpec

SPEC = DeciderSpec()


@pytest.mark.parametrize(
    ("capacity", "ready", "in_flight", "excess"),
    [
        pytest.param(211, 1, 0, -111, id="one idle default pod has too little"),
        pytest.param(211, 2, 0, -11, id="two idle pods too"),
        pytest.param(211, 3, 0, 89, id="three are enough"),
        pytest.param(211, 0, 0, -211, id="ready pods are not rounded up to one"),
        pytest.param(211, 3, 0.5, 88, id="it is rounded down"),
        pytest.param(0, 0, 1000, 0, id="a target of 0 asks for nothing"),
        pytest.param(-1, 100, 0, -1, id="a target of -1 is never met"),
    ],
)
def test_excess_burst_capacity(capacity: float, ready: int, in_flight: float, excess: int) -> None:
    spec = replace(SPEC, target_burst_capacity=capacity)
    assert excess_burst_capacity(spec, ready, in_flight) == excess


@pytest.mark.parametrize(
    ("capacity", "initial", "total", "excess"),
    [
        pytest.param(42, 2, 25, 8, id="initial scale times total, less the target"),
        pytest.param(211, 1, 100, -111, id="the defaults"),
        pytest.param(0, 1, 100, 0, id="a target of 0"),
        pytest.param(-1, 9, 100, -1, id="a target of -1"),
        pytest.param(10.5, 1, 1, -9, id="cut towards zero, as Go converts"),
    ],
)
def test_burst_capacity_before_the_first_decision(
    capacity: float, initial: int, total: float, excess: int
) -> None:
    spec = replace(SPEC, target_burst_capacity=capacity, initial_scale=initial, total=total)
    assert initial_burst_capacity(spec) == excess


@pytest.mark.parametrize(
    ("capacity", "ready", "activators"),
    [
        pytest.param(200, 0, 2, id="never fewer than two"),
        pytest.param(200, 1, 3, id="one pod and a burst of two hundred"),
        pytest.param(200, 15, 17, id="fifteen pods"),
        pytest.param(-1, 5, 5, id="unlimited burst counts pods only"),
        pytest.param(0, 500, 2, id="a target of 0 needs only the least"),
        pytest.param(211, 0, 3, id="the defaults at zero"),
        pytest.param(211, 1, 4, id="the defaults with one pod"),
    ],
)
def test_activators(capacity: float, ready: int, activators: int) -> None:
    assert activators_needed(replace(SPEC, target_burst_capacity=capacity), ready) == activators


@pytest.mark.parametrize(
    ("scale", "excess", "mode"),
    [
        pytest.param(1, 0, "Serve", id="zero counts as enough"),
        pytest.param(1, -1, "Proxy", id="too little capacity keeps the activator"),
        pytest.param(0, 100, "Proxy", id="at zero the activator takes requests"),
        pytest.param(-1, 100, "Proxy", id="while nothing is known too"),
    ],
)
def test_mode(scale: int, excess: int, mode: str) -> None:
    assert path_mode(scale, excess) == mode
