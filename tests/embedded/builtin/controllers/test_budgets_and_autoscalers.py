from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.autoscaler import sync_autoscaler
from knlab.embedded.builtin.controllers.disruption import sync_disruption_budget
from knlab.embedded.builtin.controllers.loadbalancer import load_balancer_controller
from knlab.embedded.builtin.kinds import AUTOSCALERS, DEPLOYMENTS, DISRUPTION_BUDGETS, SERVICES
from knlab.embedded.kube.objects import Object, condition
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make, settle

KEY = ("default", "web")


def pod(name: str, *, ready: bool = True) -> Object:
    owner = {"kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": True}
    metadata = {"labels": {"app": "web"}, "ownerReferences": [owner]}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"phase": "Running", "conditions": conditions}
    return make("v1", "Pod", name, "default", metadata=metadata, status=status)


def budget(**spec: Any) -> Object:
    return make(
        "policy/v1", "PodDisruptionBudget", "web", "default",
        spec={"selector": {"matchLabels": {"app": "web"}}, **spec},
    )  # fmt: skip


REPLICA_SET = make("apps/v1", "ReplicaSet", "web-1", "default", spec={"replicas": 4})


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        pytest.param({"minAvailable": 2}, 2, 1, id="a number"),
        pytest.param(
            {"minAvailable": "80%"}, 4, 0, id="a share of the wanted replicas, rounded up"
        ),
        pytest.param({"maxUnavailable": 2}, 2, 1, id="a number that may be missing"),
        pytest.param({"maxUnavailable": "25%"}, 3, 0, id="a share that may be missing"),
    ],
)
def test_a_budget_says_how_many_pods_may_go(spec: Any, desired: int, allowed: int) -> None:
    pods = [pod("a"), pod("b"), pod("c"), pod("d", ready=False)]
    view = DictView([budget(**spec), REPLICA_SET, *pods])
    settle(view, sync_disruption_budget, KEY)
    status = view.objects[DISRUPTION_BUDGETS, KEY]["status"]
    assert (status["currentHealthy"], status["expectedPods"]) == (3, 4)
    assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (desired, allowed)
    reason = "SufficientPods" if allowed else "InsufficientPods"
    assert status["conditions"][0]["reason"] == reason


def test_a_pod_on_its_way_out_is_expected_but_not_healthy() -> None:
    going = pod("a")
    going["metadata"]["deletionTimestamp"] = NOW_TEXT
    view = DictView([budget(minAvailable=1), REPLICA_SET, going, pod("b")])
    settle(view, sync_disruption_budget, KEY)
    status = view.objects[DISRUPTION_BUDGETS, KEY]["status"]
    assert (status["currentHealthy"], status["expectedPods"]) == (1, 2)
    assert status["disruptionsAllowed"] == 0


def test_a_budget_without_pods_says_so_once() -> None:
    view = DictView([budget(minAvailable=1)])
    outcome = sync_disruption_budget(view, KEY, NOW)
    assert [(note.reason, note.message) for note in outcome.notes] == [
        ("NoPods", "No matching pods found")
    ]
    apply_outcome(view, outcome)
    assert sync_disruption_budget(view, KEY, NOW).notes == ()


def autoscaler(low: int = 1, high: int = 5) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metrics = [{"type": "Resource", "resource": {"name": "cpu"}}]
    spec = {"scaleTargetRef": reference, "minReplicas": low, "maxReplicas": high}
    spec |= {"metrics": metrics}
    return make("autoscaling/v2", "HorizontalPodAutoscaler", "web", "default", spec=spec)


def target(replicas: int) -> Object:
    return make("apps/v1", "Deployment", "web", "default", spec={"replicas": replicas})


def test_without_a_metrics_server_an_autoscaler_says_what_it_misses() -> None:
    view = DictView([autoscaler(), target(2)])
    outcome = sync_autoscaler(view, KEY, NOW)
    apply_outcome(view, outcome)
    kept = view.objects[AUTOSCALERS, KEY]
    active = condition(kept, "ScalingActive") or {}
    assert (active["status"], active["reason"]) == ("False", "FailedGetResourceMetric")
    assert active["message"].endswith("this cluster does not scale by metrics")
    counts = (kept["status"]["currentReplicas"], kept["status"]["desiredReplicas"])
    assert counts == (2, 0)
    assert [note.reason for note in outcome.notes] == ["FailedGetResourceMetric"]
    assert sync_autoscaler(view, KEY, NOW).notes == ()


@pytest.mark.parametrize(
    ("present", "wanted", "why"),
    [
        (9, 5, "Current number of replicas above Spec.MaxReplicas"),
        (1, 2, "Current number of replicas below Spec.MinReplicas"),
    ],
)
def test_bounds_hold_even_without_metrics(present: int, wanted: int, why: str) -> None:
    view = DictView([autoscaler(2), target(present)])
    outcome = sync_autoscaler(view, KEY, NOW)
    apply_outcome(view, outcome)
    assert view.objects[DEPLOYMENTS, KEY]["spec"]["replicas"] == wanted
    assert view.objects[AUTOSCALERS, KEY]["status"]["desiredReplicas"] == wanted
    assert outcome.notes[0].message == f"New size: {wanted}; reason: {why}"


def test_a_target_at_zero_is_left_at_zero() -> None:
    view = DictView([autoscaler(2), target(0)])
    settle(view, sync_autoscaler, KEY)
    active = condition(view.objects[AUTOSCALERS, KEY], "ScalingActive") or {}
    assert active["reason"] == "ScalingDisabled"
    assert view.objects[DEPLOYMENTS, KEY]["spec"]["replicas"] == 0


def test_a_missing_target_is_named() -> None:
    view = DictView([autoscaler()])
    settle(view, sync_autoscaler, KEY)
    able = condition(view.objects[AUTOSCALERS, KEY], "AbleToScale") or {}
    assert able["reason"] == "FailedGetScale"
    assert able["message"].endswith('deployments.apps "web" not found')


def test_a_service_loses_its_address_when_it_is_no_load_balancer_any_more() -> None:
    service = make("v1", "Service", "web", "default", spec={"type": "LoadBalancer"})
    view = DictView([service])
    sync = load_balancer_controller("127.0.0.1").sync
    settle(view, sync, KEY)
    ingress = view.objects[SERVICES, KEY]["status"]["loadBalancer"]["ingress"]
    assert ingress == [{"ip": "127.0.0.1", "ipMode": "VIP"}]
    view.objects[SERVICES, KEY]["spec"]["type"] = "ClusterIP"
    settle(view, sync, KEY)
    assert view.objects[SERVICES, KEY]["status"] == {"loadBalancer": {}}
