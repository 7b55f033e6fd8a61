"""The Active condition."""

from __future__ import annotations

import pytest

from knlab.kpa.activity import (
    ACTIVE,
    NO_TRAFFIC,
    QUEUED,
    TIMED_OUT,
    ActiveCondition,
    Activity,
    next_activity,
)


@pytest.mark.parametrize(
    ("wanted", "ready", "threshold", "current", "following"),
    [
        pytest.param(0, 3, 1, "True", NO_TRAFFIC, id="wanting none makes it inactive"),
        pytest.param(0, 0, 1, "False", NO_TRAFFIC, id="and keeps it so"),
        pytest.param(0, 0, 1, "Unknown", TIMED_OUT, id="giving up while activating is a time-out"),
        pytest.param(-1, 0, 0, "Unknown", NO_TRAFFIC, id="an initial scale of 0 starts inactive"),
        pytest.param(0, 0, 0, "Unknown", NO_TRAFFIC, id="and it has not timed out"),
        pytest.param(1, 0, 1, "False", QUEUED, id="too few ready pods are activating"),
        pytest.param(1, 0, 1, "True", QUEUED, id="also when it was active"),
        pytest.param(2, 2, 2, "Unknown", ACTIVE, id="enough ready pods are active"),
        pytest.param(1, 1, 1, "False", ACTIVE, id="also when it was inactive"),
        pytest.param(-1, 0, 1, "False", NO_TRAFFIC, id="knowing nothing leaves it inactive"),
        pytest.param(-1, 0, 1, "Unknown", QUEUED, id="or activating"),
        pytest.param(-1, 0, 1, "True", QUEUED, id="or not active any more"),
        pytest.param(-1, 1, 1, "False", None, id="pods alone do not make it active"),
        pytest.param(-1, 1, 1, "Unknown", ACTIVE, id="but finish an activation"),
        pytest.param(-1, 1, 1, "True", ACTIVE, id="and keep it active"),
    ],
)
def test_next_activity(
    wanted: int, ready: int, threshold: int, current: Activity, following: ActiveCondition | None
) -> None:
    assert next_activity(current, wanted=wanted, ready=ready, threshold=threshold) == following


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (NO_TRAFFIC, "The target is not receiving traffic."),
        (TIMED_OUT, "The target could not be activated."),
        (
            QUEUED,
            "Requests to the target are being buffered as resources are provisioned.",
        ),
    ],
)
def test_the_words_are_knatives(known: ActiveCondition, text: str) -> None:
    assert known.message == text
