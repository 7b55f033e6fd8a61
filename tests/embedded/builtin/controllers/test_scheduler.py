from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.scheduler import sync_scheduling
from knlab.embedded.builtin.kinds import PODS
from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Object, condition
from tests.factories import NOW, DictView, apply_outcome, make

KEY = ("default", "web")


def node(**spec: Any) -> Object:
    room = {"cpu": "2", "memory": "4Gi", "pods": "3"}
    return make(
        "v1", "Node", "knlab", spec=spec, status={"allocatable": room},
        metadata={"labels": {"kubernetes.io/os": "linux"}},
    )  # fmt: skip


def pod(name: str = "web", cpu: str = "", **spec: Any) -> Object:
    container = {"name": "a", "resources": {"requests": {"cpu": cpu}} if cpu else {}}
    return make(
        "v1", "Pod", name, "default",
        spec={"containers": [container], **spec}, status={"phase": "Pending"},
    )  # fmt: skip


def test_a_pod_that_fits_gets_the_node_and_an_event() -> None:
    view = DictView([node(), pod()])
    outcome = sync_scheduling(view, KEY, NOW)
    apply_outcome(view, outcome)
    kept = view.objects[PODS, KEY]
    assert kept["spec"]["nodeName"] == "knlab"
    scheduled = condition(kept, "PodScheduled") or {}
    assert scheduled["status"] == "True"
    (note,) = outcome.notes
    assert (note.reason, note.message) == (
        "Scheduled",
        "Successfully assigned default/web to knlab",
    )
    assert sync_scheduling(view, KEY, NOW) == Outcome()


HELPLESS = (
    " no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful"
    " for scheduling."
)
SELECTOR = (
    f"0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.{HELPLESS}"
)
TOO_LARGE = f"0/1 nodes are available: 1 Insufficient cpu.{HELPLESS}"
CPU = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1"
    " nodes are available: 1 No preemption victims found for incoming pod."
)
CORDONED = f"0/1 nodes are available: 1 node(s) were unschedulable.{HELPLESS}"
TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
BUSY = [pod(str(number), nodeName="knlab") for number in range(3)]


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        pytest.param([], "no nodes available to schedule pods", id="no node"),
        pytest.param([node(), pod(nodeSelector={"disk": "ssd"})], SELECTOR, id="another label"),
        pytest.param([node(), pod(cpu="3")], TOO_LARGE, id="more than the node has"),
        pytest.param(
            [node(), pod("other", "1500m", nodeName="knlab"), pod(cpu="600m")],
            CPU,
            id="more than is left",
        ),
        pytest.param([node(unschedulable=True)], CORDONED, id="a cordoned node"),
        pytest.param([node(taints=[TAINT])], "1 node(s) had untolerated taint(s)", id="a taint"),
        pytest.param([node(), *BUSY], "1 Too many pods", id="a full node"),
    ],
)
def test_a_pod_that_fits_nowhere_is_told_why(objects: list[Object], message: str) -> None:
    view = DictView([pod(), *objects])
    outcome = sync_scheduling(view, KEY, NOW)
    apply_outcome(view, outcome)
    unmet = condition(view.objects[PODS, KEY], "PodScheduled") or {}
    assert (unmet["status"], unmet["reason"]) == ("False", "Unschedulable")
    assert message in unmet["message"]
    assert [note.reason for note in outcome.notes] == ["FailedScheduling"]
    again = sync_scheduling(view, KEY, NOW)
    assert (again.writes, again.notes) == ((), ())
    assert again.again_after


def test_pods_that_are_over_leave_room() -> None:
    done = pod("other", "2", nodeName="knlab") | {"status": {"phase": "Succeeded"}}
    outcome = sync_scheduling(DictView([node(), done, pod(cpu="2")]), KEY, NOW)
    assert outcome.writes[-1].object["spec"]["nodeName"] == "knlab"


@pytest.mark.parametrize(
    "toleration",
    [{"operator": "Exists"}, {"key": "gpu", "value": "yes"}, {"key": "gpu", "operator": "Exists"}],
)
def test_a_tolerated_taint_is_no_obstacle(toleration: Object) -> None:
    view = DictView([node(taints=[TAINT]), pod(tolerations=[toleration])])
    assert sync_scheduling(view, KEY, NOW).writes


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(pod(schedulerName="mine"), id="another scheduler's"),
        pytest.param(pod(schedulingGates=[{"name": "x"}]), id="gated"),
        pytest.param(pod() | {"status": {"phase": "Failed"}}, id="over"),
    ],
)
def test_some_pods_are_none_of_its_business(obj: Object) -> None:
    assert sync_scheduling(DictView([node(), obj]), KEY, NOW) == Outcome()
