"""What the crowd's figures are held against."""

from __future__ import annotations

import pytest

from benchmarks.crowd import is_ready
from benchmarks.scale import IDLE_GOAL, TICK_GOAL, verdict


@pytest.mark.parametrize(
    ("value", "most", "said"),
    [
        (0.020, TICK_GOAL, "met (goal: ≤ 20.0 ms)"),
        (0.021, TICK_GOAL, "not met (goal: ≤ 20.0 ms)"),
        (0.031, IDLE_GOAL, "not met (goal: ≤ 3%)"),
    ],
)
def test_verdicts(value: float, most: float, said: str) -> None:
    assert verdict(value, most) == said


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        pytest.param([{"type": "Ready", "status": "True"}], True, id="Ready is True"),
        pytest.param([{"type": "Ready", "status": "Unknown"}], False, id="Ready is not yet True"),
        pytest.param([{"type": "RoutesReady", "status": "True"}], False, id="only a part is"),
        pytest.param(None, False, id="it says nothing"),
    ],
)
def test_readiness(conditions: object, ready: bool) -> None:
    assert is_ready({"status": {"conditions": conditions}}) is ready
