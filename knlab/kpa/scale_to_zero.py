"""What to do with a desired scale: apply it, or take the next step on the way to zero.

Rules as in Knative's `pkg/reconciler/autoscaling/kpa/scaler.go`. The way to zero is a chain, one
link per call: active for the stable window → inactive, with the activator in the request path →
the activator answers a probe → the grace period is over → no pods. Effects are returned as data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from knlab.kpa.activity import Activity
from knlab.kpa.bounds import Bound, ScaleBounds, bounded

UNKNOWN_SCALE: Final = -1
PROBE_PERIOD: Final = 1.0
"""Seconds between two probes of the activator."""
PROBE_TIMEOUT: Final = 45.0
"""Seconds after which probing is given up."""
AFTER_PROBES: Final = 1.0
"""Seconds from the end of repeated probing until the revision is looked at again."""
ACTIVATION_TIMEOUT_BUFFER: Final = 30.0
"""Seconds beyond the progress deadline in which a revision's failure can be found out."""
PROXY_RECHECK: Final = 3.0
"""When to look again if becoming inactive changes nothing that would cause it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroSpec:
    """What the way to zero depends on, for one revision."""

    enabled: bool = True
    stable_window: float = 60.0
    grace_period: float = 30.0
    retention_period: float = 0.0
    """How long the last pod is kept after the revision became inactive."""
    activation_timeout: float = 600.0 + ACTIVATION_TIMEOUT_BUFFER
    probes: bool = True
    """Whether the activator must answer first; not if it is always in the request path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a revision stands, as its objects say."""

    activity: Activity = "Unknown"
    activity_age: float = 0.0
    """Seconds since the Active condition last changed."""
    initialized: bool = False
    """Whether the initial scale has been reached once."""
    proxy_mode: bool = True
    """Whether the ServerlessService is told to keep the activator in the request path."""
    proxied_for: float = 0.0
    """Seconds since the activator entered the request path; 0 if it is not in it."""
    activator_answers: bool = False
    """Whether the activator has just answered a probe sent to the revision's public service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextScale:
    """What to do. `wanted` 0 without `apply` makes the revision inactive and keeps its pod."""

    wanted: int
    apply: bool = False
    """Whether to scale the target to `wanted`."""
    again_after: float | None = None
    """Seconds after which to ask again."""
    probe: bool = False
    """Whether to probe the activator, and ask again when it has answered."""
    clipped_by: Bound | None = None


def next_scale(zero: ZeroSpec, bounds: ScaleBounds, standing: Standing, desired: int) -> NextScale:
    """The step to take for a `desired` scale (-1: not known yet)."""
    if desired < 0 and standing.activity != "Unknown":
        return NextScale(wanted=desired)
    within = bounded(bounds, desired, initialized=standing.initialized)
    if within.scale != 0:
        return NextScale(wanted=within.scale, apply=True, clipped_by=within.clipped_by)
    if not zero.enabled:
        return NextScale(wanted=1, apply=True)
    if standing.activity == "Unknown":
        return _while_activating(zero, standing)
    if standing.activity == "True":
        return _while_active(zero, standing)
    return _while_inactive(zero, standing)


def _while_activating(zero: ZeroSpec, standing: Standing) -> NextScale:
    if standing.activity_age > zero.activation_timeout:
        return NextScale(wanted=0, apply=True)
    return NextScale(wanted=UNKNOWN_SCALE, again_after=zero.activation_timeout)


def _while_active(zero: ZeroSpec, standing: Standing) -> NextScale:
    rest = zero.stable_window - standing.activity_age
    if rest > 0:
        return NextScale(wanted=1, apply=True, again_after=rest)
    return NextScale(wanted=0, again_after=PROXY_RECHECK if standing.proxy_mode else None)


def _while_inactive(zero: ZeroSpec, standing: Standing) -> NextScale:
    if zero.probes and not standing.activator_answers:
        return NextScale(wanted=0, probe=True)
    inactive_for = standing.activity_age
    if inactive_for >= max(zero.grace_period, zero.retention_period):
        return NextScale(wanted=0, apply=True)
    if inactive_for < zero.retention_period:
        return NextScale(wanted=0, again_after=zero.retention_period - inactive_for)
    rest = zero.grace_period - standing.proxied_for
    if rest > 0:
        return NextScale(wanted=0, again_after=rest)
    return NextScale(wanted=0, apply=True)
