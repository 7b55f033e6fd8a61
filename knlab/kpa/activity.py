"""The `Active` condition of a PodAutoscaler: what it becomes, in Knative's words.

Rules as in Knative's `pkg/reconciler/autoscaling/kpa/kpa.go` (computeActiveCondition).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Activity: TypeAlias = Literal["True", "False", "Unknown"]
"""The status of the condition: active, inactive, activating."""


@dataclass(frozen=True, slots=True)
class ActiveCondition:
    """Status, reason and message to set."""

    status: Activity
    reason: str = ""
    message: str = ""


ACTIVE: Final = ActiveCondition("True")
QUEUED: Final = ActiveCondition(
    "Unknown",
    "Queued",
    "Requests to the target are being buffered as resources are provisioned.",
)
NO_TRAFFIC: Final = ActiveCondition("False", "NoTraffic", "The target is not receiving traffic.")
TIMED_OUT: Final = ActiveCondition("False", "TimedOut", "The target could not be activated.")


def next_activity(
    current: Activity, *, wanted: int, ready: int, threshold: int
) -> ActiveCondition | None:
    """What Active becomes with `ready` pods of `wanted` (-1: unknown); None leaves it alone.

    `threshold` is how many ready pods make the revision active; 0 (an initial scale of 0) makes it
    inactive from the start.
    """
    if wanted == 0 or threshold == 0:
        return TIMED_OUT if current == "Unknown" and threshold > 0 else NO_TRAFFIC
    stays_inactive = wanted < 0 and current == "False"
    if ready < threshold:
        return NO_TRAFFIC if stays_inactive else QUEUED
    return None if stays_inactive else ACTIVE
