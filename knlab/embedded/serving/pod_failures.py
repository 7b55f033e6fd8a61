"""How a Revision's conditions follow its Deployment, its pods and its PodAutoscaler."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object, condition, is_true
from knlab.embedded.serving.conditions import StatusDraft
from knlab.embedded.serving.resources.queue_proxy import NAME as QUEUE_PROXY

RESOURCES_AVAILABLE: Final = "ResourcesAvailable"
CONTAINER_HEALTHY: Final = "ContainerHealthy"
ACTIVE: Final = "Active"
_DEPLOYING: Final = "Deploying"
_DEADLINE: Final = "ProgressDeadlineExceeded"


def propagate_deployment(draft: StatusDraft, deployment: Object) -> None:
    """Set ResourcesAvailable from the Deployment's Progressing and ReplicaFailure."""
    progressing = condition(deployment, "Progressing") or {
        "status": "Unknown",
        "reason": _DEPLOYING,
    }
    failure = condition(deployment, "ReplicaFailure") or {"status": "False"}
    if failure["status"] == "True":
        draft.copy(RESOURCES_AVAILABLE, failure | {"status": "False"})
    elif failure["status"] == "Unknown" and progressing["status"] != "False":
        draft.copy(RESOURCES_AVAILABLE, failure)
    else:
        draft.copy(RESOURCES_AVAILABLE, progressing)


def propagate_pod(
    draft: StatusDraft, deployment: Object, pod: Object, *, always_schedulable: bool
) -> None:
    """Set what `pod`, one of a Deployment without an available one, says is wrong."""
    scheduled = condition(pod, "PodScheduled")
    if not always_schedulable and scheduled is not None and scheduled["status"] == "False":
        draft.copy(RESOURCES_AVAILABLE, scheduled)
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == QUEUE_PROXY:
            continue
        ended = (status.get("lastState") or {}).get("terminated")
        waiting = (status.get("state") or {}).get("waiting")
        if ended is not None:
            _container_ended(draft, ended)
            return
        if waiting is not None and _has_timed_out(deployment):
            reason, message = waiting.get("reason", ""), waiting.get("message", "")
            draft.false(RESOURCES_AVAILABLE, reason, message)
            return


def _container_ended(draft: StatusDraft, ended: Object) -> None:
    code, message = ended.get("exitCode", 0), ended.get("message", "")
    if code == 0 and not message:
        message = "container exited with no error"
    draft.false(CONTAINER_HEALTHY, f"ExitCode{code}", f"Container failed with: {message}")


def _has_timed_out(deployment: Object) -> bool:
    found = condition(deployment, "Progressing")
    return found is not None and found["status"] == "False" and found.get("reason") == _DEADLINE


def propagate_autoscaler(draft: StatusDraft, status: Object) -> None:
    """Set replicas, Active and the end of the deployment from a PodAutoscaler's `status`."""
    unavailable = draft.is_status(RESOURCES_AVAILABLE, "False") or draft.is_status(
        CONTAINER_HEALTHY, "False"
    )
    _copy_replicas(draft, status)
    autoscaler = {"status": status}
    ready = condition(autoscaler, "Ready")
    if ready is None:
        draft.unknown(ACTIVE, _DEPLOYING)
        if not unavailable:
            draft.unknown(RESOURCES_AVAILABLE, _DEPLOYING)
        return
    initialized = is_true(autoscaler, "ScaleTargetInitialized")
    serving = bool(status.get("serviceName"))
    if initialized and not unavailable:
        draft.true(RESOURCES_AVAILABLE)
        draft.true(CONTAINER_HEALTHY)
    if draft.is_status(RESOURCES_AVAILABLE, "True") and not (serving and initialized):
        draft.unknown(RESOURCES_AVAILABLE, _DEPLOYING)
    if ready["status"] == "False" and not initialized and not unavailable and serving:
        draft.false(RESOURCES_AVAILABLE, _DEADLINE, "Initial scale was never achieved")
    draft.copy(ACTIVE, ready)


def _copy_replicas(draft: StatusDraft, status: Object) -> None:
    for name, source in (("actualReplicas", "actualScale"), ("desiredReplicas", "desiredScale")):
        draft.status.pop(name, None)
        value = status.get(source)
        if value is not None and value >= 0:
            draft.status[name] = value
