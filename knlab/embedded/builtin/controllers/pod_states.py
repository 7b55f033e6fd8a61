"""What control loops ask about pods."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.ages import parse_time
from knlab.embedded.kube.objects import Object, condition, is_true

FINAL_PHASES: Final = ("Succeeded", "Failed")


def phase(pod: Object) -> str:
    """status.phase, Pending if there is none yet."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def is_terminating(pod: Object) -> bool:
    """Whether the pod was asked to go."""
    return "deletionTimestamp" in pod["metadata"]


def is_over(pod: Object) -> bool:
    """Whether no container of the pod will ever run again."""
    return phase(pod) in FINAL_PHASES


def is_active(pod: Object) -> bool:
    """Whether the pod counts as one of its ReplicaSet's replicas."""
    return not is_over(pod) and not is_terminating(pod)


def is_ready(pod: Object) -> bool:
    """Whether the condition Ready is True."""
    return is_true(pod, "Ready")


def ready_since(pod: Object) -> float:
    """When the condition Ready last changed, in epoch seconds; 0 if it never did."""
    return parse_time((condition(pod, "Ready") or {}).get("lastTransitionTime", "")) or 0.0


def available_in(pod: Object, min_ready: float, now: float) -> float | None:
    """Seconds until the pod has been ready for `min_ready` seconds; None if it is not ready."""
    if not is_ready(pod):
        return None
    return max(0.0, ready_since(pod) + min_ready - now) if min_ready else 0.0
