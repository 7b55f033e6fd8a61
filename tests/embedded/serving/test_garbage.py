"""Garbage collection of revisions."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.conditions import timestamp
from knlab.embedded.serving.config import GcConfig
from knlab.embedded.serving.garbage import garbage
from tests.factories import NOW, make

HOUR = 3600.0
OLD = 100


def revision(name: str, hours: float, state: str = "reserve", **annotations: str) -> Object:
    made = timestamp(NOW - hours * HOUR)
    metadata = {
        "creationTimestamp": made,
        "labels": {"serving.knative.dev/routingState": state},
        "annotations": {f"serving.knative.dev/{key}": value for key, value in annotations.items()},
    }
    return make("serving.knative.dev/v1", "Revision", name, "ns", metadata=metadata)


def names(revisions: list[Object], **config: float | None) -> list[str]:
    settings = GcConfig(**({"min_non_active_revisions": 0} | config))  # type: ignore[arg-type]
    return [item["metadata"]["name"] for item in garbage(revisions, "latest", settings, NOW)]


def test_stale_revisions_go_oldest_first() -> None:
    found = names([revision("b", OLD), revision("a", OLD + 1), revision("young", 1)])
    assert found == ["a", "b"]


@pytest.mark.parametrize("state", ["active", "pending", ""])
def test_only_reserve_is_garbage(state: str) -> None:
    assert names([revision("a", OLD, state)]) == []


def test_the_latest_ready_and_the_preserved_stay() -> None:
    kept = revision("kept", OLD, **{"no-gc": "TRUE"})
    assert names([revision("latest", OLD), kept]) == []


def test_recently_active_stays() -> None:
    modified = timestamp(NOW - HOUR)
    assert names([revision("a", OLD, routingStateModified=modified)]) == []


def test_a_minimum_stays() -> None:
    revisions = [revision(f"r{index}", OLD + index) for index in range(5)]
    assert names(revisions, min_non_active_revisions=5) == []
    assert names(revisions, min_non_active_revisions=3) == ["r4", "r3"]


def test_a_maximum_is_kept_to_even_if_nothing_is_stale() -> None:
    revisions = [revision(f"r{index}", 1 + index) for index in range(5)]
    assert names(revisions, max_non_active_revisions=3) == ["r4", "r3"]


def test_disabled_means_never() -> None:
    off = {"retain_since_create_time": None, "retain_since_last_active_time": None}
    revisions = [revision("a", OLD), revision("b", OLD)]
    assert names(revisions, **off, max_non_active_revisions=None) == []
    assert names(revisions, **off, max_non_active_revisions=1) == ["a"]
    assert names(revisions, retain_since_create_time=None) == ["a", "b"]
