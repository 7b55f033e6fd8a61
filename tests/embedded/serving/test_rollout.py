"""Gradual rollout."""

from __future__ import annotations

import json

import pytest

from knlab.embedded.serving.rollout import (
    ConfigurationRollout,
    Rollout,
    Share,
    Step,
    format_rollout,
    next_rollout,
    observe_ready,
    parse_rollout,
)

NOW = 1_760_000_000.0
NANO = 1_000_000_000


def rollout(percent: int = 100, step: Step | None = None, **shares: int) -> Rollout:
    listed = tuple(Share(name, share) for name, share in shares.items())
    return Rollout((ConfigurationRollout("hello", "", percent, listed, step or Step()),))


def shares(found: Rollout) -> list[tuple[str, int]]:
    return [(share.revision, share.percent) for share in found.configurations[0].revisions]


def test_the_annotation_reads_as_knative_writes_it() -> None:
    text = (
        '{"configurations":[{"configurationName":"hello","percent":100,'
        '"revisions":[{"revisionName":"r1","percent":100}],"stepParams":{}}]}'
    )
    assert format_rollout(rollout(r1=100)) == text
    assert parse_rollout(text) == rollout(r1=100)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", json.dumps({"configurations": [{"configurationName": "a"}]})]
)
def test_what_is_no_rollout_is_discarded(text: str) -> None:
    assert parse_rollout(text) is None


def test_a_rollout_that_contradicts_itself_is_discarded() -> None:
    assert parse_rollout(format_rollout(rollout(r1=40, r2=50))) is None
    assert parse_rollout(format_rollout(rollout(step=Step(size=101), r1=100))) is None


def test_a_new_revision_starts_with_exactly_one_percent() -> None:
    found, again = next_rollout(rollout(r2=100), rollout(r1=100), NOW)
    assert shares(found) == [("r1", 99), ("r2", 1)]
    assert found.configurations[0].step.start_time == NOW * NANO
    assert again == 0
    assert not found.done


def test_one_percent_switches_at_once() -> None:
    found, _ = next_rollout(rollout(1, r2=1), rollout(1, r1=1), NOW)
    assert shares(found) == [("r2", 1)]


@pytest.mark.parametrize(
    ("took", "duration", "size", "every"),
    [
        pytest.param(0.5, 120, 1, 119 / 99, id="quick ingress: 99 steps of 1 %"),
        pytest.param(3, 120, 3, 3.0, id="three seconds: 39 steps of 3 %"),
    ],
)
def test_steps_depend_on_how_long_the_ingress_took(
    took: float, duration: float, size: int, every: float
) -> None:
    started, _ = next_rollout(rollout(r2=100), rollout(r1=100), NOW)
    found = observe_ready(started, NOW + took, duration).configurations[0].step
    assert found.size == size
    assert found.duration / NANO == pytest.approx(every, rel=0.02)


def test_points_come_from_the_newest_old_revision_first() -> None:
    step = Step(start_time=1, next_time=int(NOW * NANO), duration=5 * NANO, size=10)
    before = rollout(step=step, r1=50, r2=5, r3=45)
    found, again = next_rollout(rollout(r3=100), before, NOW)
    assert shares(found) == [("r1", 45), ("r3", 55)]
    assert again == 5
    waiting, _ = next_rollout(rollout(r3=100), before, NOW - 1)
    assert shares(waiting) == [("r1", 50), ("r2", 5), ("r3", 45)]


def test_the_last_step_ends_it() -> None:
    step = Step(start_time=1, next_time=1, duration=1, size=60)
    found, _ = next_rollout(rollout(r2=100), rollout(step=step, r1=50, r2=50), NOW)
    assert shares(found) == [("r2", 100)]
    assert found.configurations[0].step == Step()
    assert found.done


@pytest.mark.parametrize(
    ("percent", "wanted"),
    [(80, [("r1", 20), ("r2", 60)]), (40, [("r2", 40)]), (100, [("r1", 40), ("r2", 60)])],
)
def test_a_changed_share_is_taken_from_the_oldest(
    percent: int, wanted: list[tuple[str, int]]
) -> None:
    goal = rollout(percent, r2=percent)
    found, _ = next_rollout(goal, rollout(r1=40, r2=60), NOW)
    assert shares(found) == wanted


def test_without_a_previous_state_the_goal_holds() -> None:
    assert next_rollout(rollout(r1=100), None, NOW) == (rollout(r1=100), 0.0)
