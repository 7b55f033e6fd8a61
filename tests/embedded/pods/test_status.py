"""A Pod's status from what is known of its containers."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.status import (
    Ended,
    PodState,
    Record,
    adopt,
    moment,
    pod_status,
    qos_class,
    seconds_of,
)

NOW = 1_700_000_000.0


def pod(policy: str = "Always") -> Object:
    metadata = {"name": "hello", "generation": 1}
    return {"metadata": metadata, "spec": {"restartPolicy": policy, "containers": []}}


def running(name: str = "main", *, ready: bool = True) -> Record:
    return Record(name=name, image="i", running_since=NOW, started=True, ready=ready)


def waiting(name: str = "main") -> Record:
    return Record(name=name, image="i")


def ended(code: int, name: str = "main") -> Record:
    return Record(name=name, image="i", ended=Ended(code=code, reason="x", finished=NOW))


def crashed(name: str = "main") -> Record:
    last = Ended(code=1, reason="Error", finished=NOW)
    return Record(name=name, image="i", waiting=("CrashLoopBackOff", "…"), last=last)


@pytest.mark.parametrize(
    ("records", "policy", "over", "phase"),
    [
        pytest.param([waiting()], "Always", False, "Pending", id="nothing has run"),
        pytest.param([running(), waiting("b")], "Always", False, "Pending", id="one has not run"),
        pytest.param([running()], "Always", False, "Running", id="it runs"),
        pytest.param([running(ready=False)], "Always", False, "Running", id="unready runs too"),
        pytest.param([crashed()], "Always", False, "Running", id="a crash loop is running"),
        pytest.param([ended(0)], "Always", False, "Running", id="ended, to be restarted"),
        pytest.param([ended(1)], "OnFailure", False, "Running", id="failed, to be restarted"),
        pytest.param([ended(0)], "OnFailure", False, "Succeeded", id="ended well for good"),
        pytest.param([ended(1)], "Never", False, "Failed", id="failed for good"),
        pytest.param([ended(0), running("b")], "Never", False, "Running", id="one still runs"),
        pytest.param([ended(0)], "Always", True, "Succeeded", id="all ended well when stopped"),
        pytest.param([ended(0), ended(2, "b")], "Always", True, "Failed", id="one failed"),
        pytest.param([waiting()], "Always", True, "Failed", id="stopped before it ran"),
    ],
)
def test_the_phase(records: list[Record], policy: str, over: bool, phase: str) -> None:
    state = PodState(containers=records, ip="127.1.0.2", over=over)
    assert pod_status(pod(policy), state, NOW)["phase"] == phase


def conditions(status: Object) -> dict[str, Any]:
    return {one["type"]: one for one in status["conditions"]}


def test_an_unready_container_is_named() -> None:
    state = PodState(containers=[running("a"), running("b", ready=False)], ip="127.1.0.2")
    found = conditions(pod_status(pod(), state, NOW))
    for kind in ("Ready", "ContainersReady"):
        assert found[kind]["status"] == "False"
        assert found[kind]["reason"] == "ContainersNotReady"
        assert found[kind]["message"] == "containers with unready status: [b]"


def test_a_pod_without_address_cannot_start_containers() -> None:
    found = conditions(pod_status(pod(), PodState(containers=[waiting()]), NOW))
    assert found["PodReadyToStartContainers"]["status"] == "False"
    assert found["PodScheduled"]["status"] == "True"


def test_init_containers_come_first() -> None:
    state = PodState(containers=[waiting()], init_containers=[running("setup")], ip="127.1.0.2")
    status = pod_status(pod(), state, NOW)
    assert status["phase"] == "Pending"
    message = conditions(status)["Initialized"]["message"]
    assert message == "containers with incomplete status: [setup]"


def test_a_transition_time_moves_only_when_the_status_does() -> None:
    record = running()
    state = PodState(containers=[record], ip="127.1.0.2")
    first = conditions(pod_status(pod(), state, NOW))
    record.ready = False
    second = conditions(pod_status(pod(), state, NOW + 5))
    assert first["Ready"]["lastTransitionTime"] == moment(NOW)
    assert second["Ready"]["lastTransitionTime"] == moment(NOW + 5)
    assert second["Initialized"]["lastTransitionTime"] == moment(NOW)


def test_container_statuses_are_sorted_by_name() -> None:
    state = PodState(containers=[running("user-container"), running("queue-proxy")])
    found = pod_status(pod(), state, NOW)["containerStatuses"]
    assert [one["name"] for one in found] == ["queue-proxy", "user-container"]


def test_what_a_running_container_was_given_is_shown() -> None:
    asked = {"requests": {"cpu": "25m"}, "limits": {"cpu": "1"}}
    containers = [{"name": "a", "resources": asked}, {"name": "b"}, {"name": "c"}]
    found = pod() | {"spec": {"containers": containers}}
    state = PodState(containers=[running("a"), running("b"), waiting("c")])
    for made in state.containers[:2]:
        made.container_id = f"knlab://{made.name}"
    shown = [
        {key: status[key] for key in ("resources", "allocatedResources") if key in status}
        for status in pod_status(found, state, NOW)["containerStatuses"]
    ]
    assert shown == [
        {"resources": asked, "allocatedResources": {"cpu": "25m"}},
        {"resources": {}},
        {},
    ]


def test_a_container_that_never_ran_started_in_1970() -> None:
    failed = Ended(code=128, reason="StartError", message="no", finished=NOW)
    assert failed.state() == {
        "exitCode": 128,
        "finishedAt": moment(NOW),
        "message": "no",
        "reason": "StartError",
        "startedAt": "1970-01-01T00:00:00Z",
    }


def test_what_ran_before_a_restart_of_the_node_is_unknown() -> None:
    before = {
        "name": "main",
        "restartCount": 2,
        "containerID": "knlab://old",
        "lastState": {},
        "state": {"running": {"startedAt": moment(NOW - 60)}},
    }
    record = waiting()
    adopt(record, before, NOW)
    assert record.restarts == 3
    assert record.last == Ended(
        code=255, reason="Unknown", started=NOW - 60, finished=NOW, container_id="knlab://old"
    )


def test_what_had_not_run_yet_is_no_restart() -> None:
    record = waiting()
    adopt(record, {"name": "main", "restartCount": 0, "state": {"waiting": {}}}, NOW)
    assert (record.restarts, record.last) == (0, None)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "25m"}}, {}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_the_quality_of_service_class(resources: list[Object], expected: str) -> None:
    made = {"spec": {"containers": [{"resources": one} for one in resources]}}
    assert qos_class(made) == expected


def test_times_go_there_and_back() -> None:
    assert seconds_of(moment(NOW)) == NOW
    assert seconds_of("") == 0
