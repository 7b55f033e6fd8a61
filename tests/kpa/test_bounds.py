"""min-scale, max-scale and initial-scale."""

from __future__ import annotations

import pytest

from knlab.kpa.bounds import Bounded, ScaleBounds, bounded


@pytest.mark.parametrize(
    ("bounds", "desired", "initialized", "expected"),
    [
        pytest.param(ScaleBounds(), 72, True, Bounded(72), id="without bounds all is allowed"),
        pytest.param(
            ScaleBounds(minimum=1, maximum=5), 72, True, Bounded(5, "max-scale"),
            id="the article's 72 become 5",
        ),
        pytest.param(
            ScaleBounds(minimum=2), 0, True, Bounded(2, "min-scale"), id="min-scale lifts"
        ),
        pytest.param(ScaleBounds(), -1, False, Bounded(0, "min-scale"), id="unknown becomes 0"),
        pytest.param(
            ScaleBounds(initial=3), 1, False, Bounded(3, "initial-scale"),
            id="until it is reached initial-scale is a lower bound",
        ),
        pytest.param(ScaleBounds(initial=3), 1, True, Bounded(1), id="afterwards it is not"),
        pytest.param(
            ScaleBounds(initial=3, reachable=False), 1, False, Bounded(1),
            id="nor for an unreachable revision",
        ),
        pytest.param(
            ScaleBounds(minimum=5, initial=3), 1, False, Bounded(5, "min-scale"),
            id="the larger of min-scale and initial-scale counts",
        ),
        pytest.param(
            ScaleBounds(initial=3, maximum=2), 1, False, Bounded(3, "initial-scale"),
            id="lower bounds win over max-scale",
        ),
        pytest.param(
            ScaleBounds(maximum=2, reachable=False), 9, True, Bounded(2, "max-scale"),
            id="max-scale binds unreachable revisions too",
        ),
    ],
)  # fmt: skip
def test_bounds(bounds: ScaleBounds, desired: int, expected: Bounded, *, initialized: bool) -> None:
    assert bounded(bounds, desired, initialized=initialized) == expected


@pytest.mark.parametrize(
    ("bounds", "initialized", "threshold"),
    [
        pytest.param(ScaleBounds(), False, 1, id="one pod makes a default revision active"),
        pytest.param(ScaleBounds(initial=3), False, 3, id="first the initial scale is needed"),
        pytest.param(ScaleBounds(initial=3), True, 1, id="later one pod is enough"),
        pytest.param(ScaleBounds(minimum=2), True, 2, id="min-scale is always needed"),
        pytest.param(ScaleBounds(initial=0), False, 0, id="an initial scale of 0 needs none"),
        pytest.param(ScaleBounds(initial=0), True, 1, id="but only until it is initialized"),
    ],
)
def test_ready_threshold(bounds: ScaleBounds, threshold: int, *, initialized: bool) -> None:
    assert bounds.ready_threshold(initialized=initialized) == threshold
