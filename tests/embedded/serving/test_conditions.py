"""The condition rules of knative.dev/pkg, one fact each."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.serving.conditions import StatusDraft, instant, timestamp

NOW = 1_760_000_000.0
LATER = NOW + 60
THINGS = GroupResource("example.com", "things")


def thing(**status: Any) -> Object:
    metadata = {"name": "x", "generation": 1}
    return {"apiVersion": "v1", "kind": "Thing", "metadata": metadata, "status": status}


def draft(obj: Object | None = None, now: float = NOW) -> StatusDraft:
    return StatusDraft(obj or thing(), "A", "B", now=now)


def ready(found: StatusDraft) -> tuple[str, str, str]:
    item = found.get("Ready")
    assert item is not None
    return item["status"], item.get("reason", ""), item.get("message", "")


def stored(*marks: tuple[str, str]) -> Object:
    """A thing whose conditions were marked and stored at NOW."""
    found = draft()
    for verb, kind in marks:
        mark = {"true": found.true, "unknown": found.unknown, "false": found.false}[verb]
        mark(kind, "" if verb == "true" else f"Why{kind}", "")
    return found.finished()


def test_dependents_start_unknown_and_conditions_are_sorted() -> None:
    done = draft().finished()
    assert [item["type"] for item in done["status"]["conditions"]] == ["A", "B", "Ready"]
    assert {item["status"] for item in done["status"]["conditions"]} == {"Unknown"}
    assert done["status"]["observedGeneration"] == 1


def test_a_new_generation_starts_unobserved() -> None:
    obj = stored(("true", "A"), ("true", "B"))
    obj["metadata"]["generation"] = 2
    assert ready(draft(obj)) == (
        "Unknown", "NewObservedGenFailure", "unsuccessfully observed a new generation",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "wanted"),
    [
        pytest.param([("true", "A")], ("Unknown", "", ""), id="one true waits for the other"),
        pytest.param([("true", "A"), ("true", "B")], ("True", "", ""), id="all true is ready"),
        pytest.param([("false", "A"), ("true", "B")], ("False", "WhyA", ""), id="false wins"),
        pytest.param(
            [("true", "A"), ("unknown", "B")], ("Unknown", "WhyB", ""), id="unknown gives reason"
        ),
        pytest.param(
            [("false", "A"), ("unknown", "B")],
            ("False", "WhyA", ""),
            id="unknown leaves a failure alone",
        ),
        pytest.param(
            [("unknown", "A"), ("false", "B"), ("true", "B")],
            ("Unknown", "WhyA", ""),
            id="what is left unhappy shows",
        ),
        pytest.param(
            [("unknown", "A"), ("unknown", "B"), ("true", "Other")],
            ("Unknown", "WhyB", ""),
            id="the newest transition shows",
        ),
    ],
)
def test_ready_sums_up(marks: list[tuple[str, str]], wanted: tuple[str, str, str]) -> None:
    found = draft()
    for verb, kind in marks:
        mark = {"true": found.true, "unknown": found.unknown, "false": found.false}[verb]
        mark(kind, "" if verb == "true" else f"Why{kind}", "")
    assert ready(found) == wanted


def test_other_conditions_are_info_and_never_decide() -> None:
    found = draft(stored(("true", "A"), ("true", "B")))
    found.false("Active", "NoTraffic", "text")
    assert ready(found) == ("True", "", "")
    active = found.get("Active")
    assert active is not None
    assert active["severity"] == "Info"


def test_the_time_moves_when_only_the_message_changes() -> None:
    before = stored(("false", "A"))
    found = draft(before, LATER)
    found.false("A", "WhyA", "now with a message")
    times = {c["type"]: c["lastTransitionTime"] for c in found.finished()["status"]["conditions"]}
    assert times["A"] == times["Ready"] == timestamp(LATER)
    assert times["B"] == timestamp(NOW)


def test_what_ends_as_it_was_is_not_written() -> None:
    found = draft(stored(("true", "A"), ("true", "B")), LATER)
    found.unknown("A", "Passing", "")
    found.true("A")
    assert found.write(THINGS) == ()


def test_a_change_is_written_once() -> None:
    found = draft(stored(("true", "A")), LATER)
    found.true("B")
    (write,) = found.write(THINGS)
    assert write.verb == "update-status"
    assert draft(write.object, LATER).write(THINGS) == ()


def test_a_dependent_cannot_be_cleared() -> None:
    found = draft()
    with pytest.raises(ValueError, match="decides Ready"):
        found.clear("A")
    found.true("Extra")
    found.clear("Extra")
    assert found.get("Extra") is None


def test_times_are_whole_seconds_in_utc() -> None:
    assert timestamp(NOW + 0.9) == "2025-10-09T08:53:20Z"
    assert instant("2025-10-09T08:53:20Z") == NOW
