"""Burst capacity: whether the activator stays in the request path, and how many activators do.

Rules as in Knative's `pkg/autoscaler/scaling/{autoscaler,multiscaler}.go` and
`pkg/reconciler/autoscaling/kpa/kpa.go`.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from knlab.kpa.spec import DeciderSpec

MIN_ACTIVATORS: Final = 2
UNLIMITED: Final = -1.0
"""The target burst capacity that keeps the activator in the request path for ever."""


def excess_burst_capacity(spec: DeciderSpec, ready: int, in_flight: float) -> int:
    """Requests that `ready` pods can take beyond those `in_flight` and the target burst.

    It counts with the pods' total capacity, not with the target that utilization has reduced.
    """
    if spec.target_burst_capacity == 0:
        return 0
    if spec.target_burst_capacity < 0:
        return -1
    return math.floor(ready * spec.total - spec.target_burst_capacity - in_flight)


def initial_burst_capacity(spec: DeciderSpec) -> int:
    """What is assumed before the first decision: that the initial scale is reached and idle."""
    if spec.target_burst_capacity in {UNLIMITED, 0.0}:
        return int(spec.target_burst_capacity)
    return int(spec.initial_scale * spec.total - spec.target_burst_capacity)


def activators_needed(spec: DeciderSpec, ready: int) -> int:
    """How many activators cover what `ready` pods can take and the burst on top of it."""
    if spec.target_burst_capacity == 0:
        return MIN_ACTIVATORS
    capacity = ready * spec.total + max(spec.target_burst_capacity, 0.0)
    return max(MIN_ACTIVATORS, math.ceil(capacity / spec.activator_capacity))


def path_mode(scale: int, excess: int) -> Literal["Serve", "Proxy"]:
    """`Serve` (straight to the pods) if there are pods and capacity to spare, else `Proxy`."""
    return "Serve" if scale > 0 and excess >= 0 else "Proxy"
