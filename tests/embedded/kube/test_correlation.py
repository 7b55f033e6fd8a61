"""The rules of Kubernetes' event recorder: ten messages, ten minutes, 25 events."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.correlation import COMBINED, Correlator, sameness
from knlab.embedded.kube.objects import Object


def event(message: str = "m", **fields: object) -> Object:
    return {
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
        "source": {"component": "kubelet"}, "reportingComponent": "kubelet",
        "type": "Normal", "reason": "Started", "message": message, **fields,
    }  # fmt: skip


def combined(correlator: Correlator, message: str, now: float, **fields: object) -> bool:
    seen = event(message, **fields)
    is_own = correlator.combine(seen, now) == sameness(event(message, **fields))
    assert is_own is not seen["message"].startswith(COMBINED)
    return not is_own


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (9, [False] * 9),
        (10, [False] * 9 + [True]),
        (12, [False] * 9 + [True] * 3),
    ],
)
def test_the_tenth_message_is_combined(messages: int, expected: list[bool]) -> None:
    correlator = Correlator()
    assert [combined(correlator, str(n), n) for n in range(messages)] == expected


@pytest.mark.parametrize(("pause", "is_combined"), [(600, True), (601, False)])
def test_after_ten_minutes_it_begins_anew(pause: float, is_combined: bool) -> None:
    correlator = Correlator()
    for number in range(9):
        combined(correlator, str(number), 0.0)
    assert combined(correlator, "another", pause) is is_combined


def test_the_same_message_and_other_reasons_stay_apart() -> None:
    correlator = Correlator()
    for number in range(12):
        combined(correlator, str(number), 0.0)
    assert combined(correlator, "3", 0.0) is False
    assert combined(correlator, "another", 0.0, reason="Killing") is False
    assert combined(correlator, "another", 0.0, type="Warning") is False


@pytest.mark.parametrize(
    ("pause", "granted"), [(0, 0), (299, 0), (300, 1), (900, 3), (300 * 100, 25)]
)
def test_an_object_has_a_budget_of_events(pause: float, granted: int) -> None:
    correlator = Correlator()
    assert sum(correlator.admits(event(str(n)), 0.0) for n in range(40)) == 25
    assert sum(correlator.admits(event(str(n)), pause) for n in range(40)) == granted
    assert correlator.admits(event(source={"component": "scheduler"}), pause)


def test_what_was_seen_long_ago_is_forgotten() -> None:
    correlator = Correlator()
    for _ in range(25):
        correlator.admits(event(), 0.0)
    for number in range(4096):
        other = {"kind": "Pod", "namespace": "default", "name": str(number)}
        correlator.admits(event(involvedObject=other), 0.0)
    assert correlator.admits(event(), 0.0)
