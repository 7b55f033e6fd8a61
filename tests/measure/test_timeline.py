"""Pods over time as arithmetic."""

from __future__ import annotations

import pytest

from knlab.measure.records import PodEvent, PodRecord, PodState, ScaleReading
from knlab.measure.timeline import at, changes, samples


def pod(name: str, phase: str, revision: str = "r") -> PodState:
    return PodState(name=name, revision=revision, phase=phase)  # type: ignore[arg-type]


def event(time: float, name: str, phase: str, revision: str = "r") -> PodEvent:
    return PodEvent(time=time, pod=name, revision=revision, phase=phase)  # type: ignore[arg-type]


def test_only_changes_are_events() -> None:
    known = {"a": pod("a", "ready"), "b": pod("b", "starting")}
    found = changes(
        known, [pod("a", "ready"), pod("b", "ready"), pod("c", "starting")], 5, complete=True
    )
    assert [(each.pod, each.phase, each.time) for each in found] == [
        ("b", "ready", 5),
        ("c", "starting", 5),
    ]


def test_a_pod_missing_from_a_listing_is_gone_and_from_a_single_sight_is_not() -> None:
    known = {"a": pod("a", "terminating"), "b": pod("b", "ready")}
    seen = [pod("b", "ready")]
    assert [each.phase for each in changes(known, seen, 5, complete=True)] == ["gone"]
    assert changes(known, seen, 5, complete=False) == ()


def test_a_pod_that_was_never_seen_cannot_be_gone() -> None:
    assert changes({}, [pod("a", "gone")], 5, complete=False) == ()


RECORD = PodRecord(
    started=100.0,
    ended=110.0,
    events=(
        event(100.0, "a", "ready"),
        event(102.0, "b", "starting"),
        event(102.0, "c", "starting", "other"),
        event(103.0, "b", "ready"),
        event(105.0, "a", "terminating"),
        event(108.0, "a", "gone"),
    ),
    readings=(
        ScaleReading(revision="r", time=101.0, desired=2, wanted=72),
        ScaleReading(revision="other", time=104.0, desired=1),
    ),
)


def test_counts_follow_the_events() -> None:
    found = samples(RECORD)
    counted = [(s.time, s.ready, s.starting, s.terminating, s.desired, s.wanted) for s in found]
    assert counted == [
        (100, 1, 0, 0, None, None),
        (101, 1, 0, 0, 2, 72),
        (102, 1, 2, 0, 2, 72),
        (103, 2, 1, 0, 2, 72),
        (104, 2, 1, 0, 3, 72),
        (105, 1, 1, 1, 3, 72),
        (108, 1, 1, 0, 3, 72),
        (110, 1, 1, 0, 3, 72),
    ]


def test_one_revision_can_be_counted_alone() -> None:
    assert samples(RECORD, "other")[-1].starting == 1
    assert samples(RECORD, "other")[-1].ready == 0


def test_the_count_at_a_moment_is_the_last_before_it() -> None:
    assert at(samples(RECORD), 104.5).ready == 2
    with pytest.raises(ValueError, match="before 99"):
        at(samples(RECORD), 99)
