"""STATUS, READY and RESTARTS of pods, as Kubernetes' own printer decides them."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.pod_cells import (
    ip_cell,
    readiness_gates_cell,
    ready_cell,
    restarts_cell,
    status_cell,
)

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
RUNNING = {"running": {"startedAt": "2023-11-14T22:00:00Z"}}


def container(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "c", "ready": False, "restartCount": 0, "state": state} | fields


def waiting(reason: str) -> dict[str, Any]:
    return container({"waiting": {"reason": reason}})


def ended(**fields: Any) -> dict[str, Any]:
    return container({"terminated": fields})


def pod(
    *containers: dict[str, Any],
    phase: str = "Running",
    init: tuple[dict[str, Any], ...] = (),
    sidecars: int = 0,
    conditions: tuple[tuple[str, str], ...] = (),
    metadata: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    init_specs = [
        {"name": f"i{n}"} | ({"restartPolicy": "Always"} if n < sidecars else {})
        for n in range(len(init))
    ]
    return {
        "metadata": {"name": "p"} | (metadata or {}),
        "spec": {
            "containers": [{"name": f"c{n}"} for n in range(len(containers))],
            "initContainers": init_specs,
        },
        "status": {
            "phase": phase,
            "containerStatuses": list(containers),
            "initContainerStatuses": [each | {"name": f"i{n}"} for n, each in enumerate(init)],
            "conditions": [{"type": kind, "status": value} for kind, value in conditions],
        }
        | status,
    }


OK = container(RUNNING, ready=True)
DOOMED = {"deletionTimestamp": "2023-11-14T22:13:00Z"}


@pytest.mark.parametrize(
    ("found", "status", "ready"),
    [
        pytest.param(pod(OK, OK), "Running", "2/2", id="all containers run"),
        pytest.param(pod(OK, container(RUNNING)), "Running", "1/2", id="one is not ready"),
        pytest.param(pod(phase="Pending"), "Pending", "0/0", id="nothing known yet"),
        pytest.param(
            pod(OK, phase="Failed", reason="Evicted"), "Evicted", "1/1", id="the pod has a reason"
        ),
        pytest.param(
            pod(waiting("CrashLoopBackOff"), OK), "CrashLoopBackOff", "1/2", id="one waits"
        ),
        pytest.param(
            pod(waiting("ImagePullBackOff"), waiting("CrashLoopBackOff")),
            "ImagePullBackOff", "0/2", id="the first container's reason wins",
        ),
        pytest.param(pod(ended(exitCode=1, reason="Error")), "Error", "0/1", id="one ended"),
        pytest.param(pod(ended(exitCode=3)), "ExitCode:3", "0/1", id="ended without a reason"),
        pytest.param(pod(ended(exitCode=0, signal=9)), "Signal:9", "0/1", id="ended by a signal"),
        pytest.param(
            pod(ended(exitCode=0, reason="Completed"), phase="Succeeded"),
            "Completed", "0/1", id="a job's pod is done",
        ),
        pytest.param(
            pod(ended(exitCode=0, reason="Completed"), OK, conditions=(("Ready", "True"),)),
            "Running", "1/2", id="one is done, one runs, the pod is ready",
        ),
        pytest.param(
            pod(ended(exitCode=0, reason="Completed"), OK),
            "NotReady", "1/2", id="one is done, one runs, the pod is not ready",
        ),
        pytest.param(pod(OK, metadata=DOOMED), "Terminating", "1/1", id="being deleted"),
        pytest.param(
            pod(ended(exitCode=0, reason="Completed"), phase="Succeeded", metadata=DOOMED),
            "Completed", "0/1", id="being deleted after its end",
        ),
        pytest.param(
            pod(OK, metadata=DOOMED, reason="NodeLost"), "Unknown", "1/1", id="its node is lost"
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(waiting("PodInitializing"),), phase="Pending"),
            "Init:0/1", "0/1", id="initializing",
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(ended(exitCode=0), container(RUNNING))),
            "Init:1/2", "0/1", id="the second init container runs",
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(ended(exitCode=2, reason="Error"),)),
            "Init:Error", "0/1", id="an init container failed",
        ),
        pytest.param(
            pod(waiting("PodInitializing"), init=(waiting("ImagePullBackOff"),)),
            "Init:ImagePullBackOff", "0/1", id="an init container cannot start",
        ),
        pytest.param(
            pod(OK, init=(container(RUNNING, ready=True, started=True),), sidecars=1),
            "Running", "2/2", id="a sidecar counts as a container",
        ),
    ],
)  # fmt: skip
def test_status_and_ready(found: dict[str, Any], status: str, ready: str) -> None:
    assert status_cell(found, NOW) == status
    assert ready_cell(found, NOW) == ready


def test_a_gated_pod_says_so() -> None:
    gated = pod(phase="Pending")
    gated["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    ]
    assert status_cell(gated, NOW) == "SchedulingGated"


@pytest.mark.parametrize(
    ("found", "cell"),
    [
        pytest.param(pod(OK), "0", id="none"),
        pytest.param(pod(container(RUNNING, restartCount=2)), "2", id="no time is known"),
        pytest.param(
            pod(
                container(
                    RUNNING,
                    restartCount=1,
                    lastState={"terminated": {"finishedAt": "2023-11-14T22:08:20Z"}},
                )
            ),
            "1 (5m ago)",
            id="one, five minutes ago",
        ),
        pytest.param(
            pod(OK, init=(ended(exitCode=0) | {"restartCount": 7},)),
            "0",
            id="restarts of a finished init container no longer count",
        ),
    ],
)
def test_restarts(found: dict[str, Any], cell: str) -> None:
    assert restarts_cell(found, NOW) == cell


def test_what_a_pod_does_not_have_yet_is_none() -> None:
    assert ip_cell(pod(phase="Pending"), NOW) == "<none>"
    assert readiness_gates_cell(pod(), NOW) == "<none>"


def test_readiness_gates_count_the_conditions_that_are_met() -> None:
    gated = pod(OK, conditions=(("a", "True"), ("b", "False")))
    gated["spec"]["readinessGates"] = [{"conditionType": "a"}, {"conditionType": "b"}]
    assert readiness_gates_cell(gated, NOW) == "1/2"
