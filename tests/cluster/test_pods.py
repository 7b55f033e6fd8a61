"""Pods and PodAutoscalers in the recorder's words."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.cluster.pods import pod_phase, pod_state, scale_reading


def _pod(*, ready: str = "", deleted: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": "hello-00001-deployment-x",
        "labels": {"serving.knative.dev/revision": "hello-00001"},
        "creationTimestamp": "2025-10-09T08:53:20Z",
    }
    if deleted:
        metadata["deletionTimestamp"] = "2025-10-09T08:54:20Z"
    conditions = [{"type": "Ready", "status": ready}] if ready else None
    return {"metadata": metadata, "status": {"conditions": conditions}}


@pytest.mark.parametrize(
    ("pod", "phase"),
    [
        pytest.param(_pod(), "starting", id="without conditions"),
        pytest.param(_pod(ready="False"), "starting", id="not ready"),
        pytest.param(_pod(ready="True"), "ready", id="ready"),
        pytest.param(_pod(ready="True", deleted=True), "terminating", id="ready and deleted"),
    ],
)
def test_phase(pod: dict[str, Any], phase: str) -> None:
    assert pod_phase(pod) == phase


def test_state_keeps_the_servers_time_and_the_revision() -> None:
    state = pod_state(_pod(ready="True"))
    assert (state.revision, state.created) == ("hello-00001", 1_760_000_000.0)


@pytest.mark.parametrize(
    ("status", "desired"),
    [({"desiredScale": 3}, 3), ({"desiredScale": 0}, 0), ({"desiredScale": -1}, None), ({}, None)],
)
def test_minus_one_and_nothing_are_unknown(status: dict[str, int], desired: int | None) -> None:
    found = scale_reading({"metadata": {"name": "hello-00001"}, "status": status})
    assert (found.revision, found.desired) == ("hello-00001", desired)
