"""Defaults of Deployments, ReplicaSets, HorizontalPodAutoscalers and PodDisruptionBudgets."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.builtin.defaults.pods import default_pod_template
from knlab.embedded.kube.objects import Object, copy_json

_QUARTER: Final = "25%"
_SCALE_UP_POLICIES: Final = [
    {"type": "Pods", "value": 4, "periodSeconds": 15},
    {"type": "Percent", "value": 100, "periodSeconds": 15},
]
_SCALE_DOWN_POLICIES: Final = [{"type": "Percent", "value": 100, "periodSeconds": 15}]


def default_deployment(new: Object, _old: Object | None) -> Object:
    """A Deployment with Kubernetes' defaults."""
    spec: Object = new.setdefault("spec", {})
    fill(spec, progressDeadlineSeconds=600, replicas=1, revisionHistoryLimit=10)
    strategy: Object = spec.setdefault("strategy", {})
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling: Object = strategy.setdefault("rollingUpdate", {})
        fill(rolling, maxSurge=_QUARTER, maxUnavailable=_QUARTER)
    default_pod_template(spec)
    return new


def progressed(deployment: Object, new: Object) -> Object:
    """`deployment` with the annotations and the status of `new`: a rollout's own notes."""
    deployment["metadata"]["annotations"] = new["metadata"].get("annotations") or {}
    deployment["status"] = new.get("status") or {}
    return deployment


def default_replica_set(new: Object, old: Object | None) -> Object:
    """A ReplicaSet with Kubernetes' defaults."""
    spec: Object = new.setdefault("spec", {})
    fill(spec, replicas=1)
    default_pod_template(spec)
    if old is None:
        new["status"] = {"replicas": 0}
    return new


def default_autoscaler(new: Object, _old: Object | None) -> Object:
    """A HorizontalPodAutoscaler with Kubernetes' defaults: at least 1, 80 % of the cpu."""
    spec: Object = new.setdefault("spec", {})
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if (behavior := spec.get("behavior")) is not None:
        up: Object = behavior.setdefault("scaleUp", {})
        fill(up, stabilizationWindowSeconds=0, selectPolicy="Max")
        up.setdefault("policies", copy_json(_SCALE_UP_POLICIES))
        down: Object = behavior.setdefault("scaleDown", {})
        fill(down, selectPolicy="Max")
        down.setdefault("policies", copy_json(_SCALE_DOWN_POLICIES))
    return new
