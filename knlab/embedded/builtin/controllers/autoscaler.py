"""HorizontalPodAutoscalers on a cluster that does not scale by metrics: only their bounds hold."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.controllers.conditions import status_write, with_condition
from knlab.embedded.builtin.kinds import AUTOSCALERS
from knlab.embedded.kube.controller import NOTHING, Controller, Note, Outcome, View, scale
from knlab.embedded.kube.metadata import timestamp
from knlab.embedded.kube.objects import GroupResource, Key, Object, condition, group_of

_PERIOD: Final = 15.0
"""Seconds between two looks, as in Kubernetes."""
_GOT_SCALE: Final = "the HPA controller was able to get the target's current scale"
_NO_METRICS: Final = (
    "unable to get metrics for resource {name}: this cluster does not scale by metrics"
)


def sync_autoscaler(view: View, key: Key, now: float) -> Outcome:
    """The status of a HorizontalPodAutoscaler, and its target within the bounds."""
    autoscaler = view.find(AUTOSCALERS, *key)
    if autoscaler is None:
        return NOTHING
    reference = autoscaler["spec"]["scaleTargetRef"]
    resource = GroupResource(
        group_of(reference.get("apiVersion", "")), f"{reference['kind'].lower()}s"
    )
    target = view.find(resource, key[0], reference["name"])
    if target is None:
        return _lost(autoscaler, resource, now)
    present = int((target.get("spec") or {}).get("replicas", 1))
    wanted, why = _bounded(autoscaler, present)
    conditions = _marked(
        autoscaler,
        now,
        ("AbleToScale", "True", "SucceededGetScale", _GOT_SCALE),
        _metrics_condition(autoscaler, present),
    )
    desired = wanted
    if wanted == present != 0:  # nothing was computed: nothing else is desired than before
        desired = (autoscaler.get("status") or {}).get("desiredReplicas", 0)
    status = {"conditions": conditions, "currentReplicas": present, "desiredReplicas": desired}
    writes = status_write(AUTOSCALERS, autoscaler, status)
    notes = _complaints(autoscaler, conditions)
    if wanted != present:
        message = f"New size: {wanted}; reason: {why}"
        notes = (Note(autoscaler, "Normal", "SuccessfulRescale", message), *notes)
        writes = (scale(resource, target, wanted), *writes)
    return Outcome(writes, notes, _PERIOD)


def _bounded(autoscaler: Object, present: int) -> tuple[int, str]:
    spec = autoscaler["spec"]
    if present == 0:
        return 0, ""
    if present > spec["maxReplicas"]:
        return spec["maxReplicas"], "Current number of replicas above Spec.MaxReplicas"
    if present < spec.get("minReplicas", 1):
        return spec["minReplicas"], "Current number of replicas below Spec.MinReplicas"
    return present, ""


def _metrics_condition(autoscaler: Object, present: int) -> tuple[str, str, str, str]:
    if present == 0:
        reason = "scaling is disabled since the replica count of the target is zero"
        return "ScalingActive", "False", "ScalingDisabled", reason
    metrics = autoscaler["spec"].get("metrics") or [{}]
    name = (metrics[0].get("resource") or {}).get("name", "cpu")
    why = f"failed to get {name} utilization: {_NO_METRICS.format(name=name)}"
    words = f"the HPA was unable to compute the replica count: {why}"
    return "ScalingActive", "False", "FailedGetResourceMetric", words


def _lost(autoscaler: Object, resource: GroupResource, now: float) -> Outcome:
    name = autoscaler["spec"]["scaleTargetRef"]["name"]
    problem = f'{resource} "{name}" not found'
    words = f"the HPA controller was unable to get the target's current scale: {problem}"
    conditions = _marked(autoscaler, now, ("AbleToScale", "False", "FailedGetScale", words))
    status = {**(autoscaler.get("status") or {}), "conditions": conditions}
    status["desiredReplicas"] = 0
    writes = status_write(AUTOSCALERS, autoscaler, status)
    notes = (Note(autoscaler, "Warning", "FailedGetScale", problem),) if writes else ()
    return Outcome(writes, notes, _PERIOD)


def _marked(autoscaler: Object, now: float, *marks: tuple[str, str, str, str]) -> list[Object]:
    conditions: list[Object] = (autoscaler.get("status") or {}).get("conditions") or []
    for kind, status, reason, message in marks:
        new = {"type": kind, "status": status, "reason": reason, "message": message}
        conditions = with_condition(conditions, new, timestamp(now))
    return conditions


def _complaints(autoscaler: Object, conditions: list[Object]) -> tuple[Note, ...]:
    """A warning the first time that metrics are missing."""
    new = condition({"status": {"conditions": conditions}}, "ScalingActive") or {}
    old = condition(autoscaler, "ScalingActive") or {}
    if new.get("reason") != "FailedGetResourceMetric" or old.get("reason") == new["reason"]:
        return ()
    message = new["message"].removeprefix("the HPA was unable to compute the replica count: ")
    return (Note(autoscaler, "Warning", "FailedGetResourceMetric", message),)


HORIZONTAL: Final = Controller(
    name="horizontal-pod-autoscaler", parent=AUTOSCALERS, sync=sync_autoscaler
)
"""Keeps the status of HorizontalPodAutoscalers."""
