from __future__ import annotations

from knlab.embedded.builtin.defaults.workloads import (
    default_autoscaler,
    default_deployment,
    default_replica_set,
)
from tests.factories import make


def test_a_deployment_gets_a_quarter_of_surge_and_ten_minutes() -> None:
    spec = default_deployment(make("apps/v1", "Deployment", "web", "default"), None)["spec"]
    template = spec.pop("template")
    assert spec == {
        "progressDeadlineSeconds": 600,
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        },
    }
    assert template["spec"]["restartPolicy"] == "Always"
    assert "enableServiceLinks" not in template["spec"]


def test_zero_replicas_are_a_wish_not_an_absence() -> None:
    made = default_deployment(
        make("apps/v1", "Deployment", "web", spec={"replicas": 0, "revisionHistoryLimit": 0}), None
    )
    assert made["spec"]["replicas"] == made["spec"]["revisionHistoryLimit"] == 0


def test_recreate_has_no_rolling_parameters() -> None:
    made = default_deployment(
        make("apps/v1", "Deployment", "web", spec={"strategy": {"type": "Recreate"}}), None
    )
    assert made["spec"]["strategy"] == {"type": "Recreate"}


def test_a_replica_set_wants_one_pod() -> None:
    made = default_replica_set(make("apps/v1", "ReplicaSet", "web", "default"), None)
    assert made["spec"]["replicas"] == 1
    assert made["status"] == {"replicas": 0}


def test_an_autoscaler_without_metrics_looks_at_cpu() -> None:
    spec = default_autoscaler(make("autoscaling/v2", "HorizontalPodAutoscaler", "a"), None)["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"][0]["resource"] == {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 80},
    }


def test_the_behaviour_of_an_autoscaler_is_completed_only_if_given() -> None:
    made = default_autoscaler(
        make("autoscaling/v2", "HorizontalPodAutoscaler", "a", spec={"behavior": {}}), None
    )
    up, down = (made["spec"]["behavior"][way] for way in ("scaleUp", "scaleDown"))
    assert [policy["value"] for policy in up["policies"]] == [4, 100]
    assert "stabilizationWindowSeconds" not in down
