"""One decision: from observed load to wanted pods, with the explanation.

Rules as in Knative's `pkg/autoscaler/scaling/autoscaler.go`. A decision does not know min-scale and
max-scale; those are applied afterwards (`kpa.bounds`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from knlab.kpa.burst import excess_burst_capacity
from knlab.kpa.spec import TICK_INTERVAL, DeciderSpec

Limit: TypeAlias = Literal[
    "max-scale-up-rate", "max-scale-down-rate", "activation-scale", "panic", "scale-down-delay"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a decision sees: ready pods, and the metric averaged over both windows."""

    ready: int
    stable: float
    panic: float


@dataclass(frozen=True, slots=True)
class ScalerState:
    """What one decision leaves for the next."""

    panic_since: float | None = None
    """When the load last was over the panic threshold; None outside panic."""
    panic_peak: int = 0
    """The most pods wanted in this panic."""
    delay_slots: int = 0
    """Length of the scale-down delay in ticks; 0 if there was none when the decider was made."""
    delayed: tuple[tuple[int, int], ...] = ()
    """(slot of time, pods) of the decisions that may still hold up scaling down, falling."""


INITIAL = ScalerState()
"""The state of a new revision without a scale-down delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleResult:
    """What was decided, and why."""

    desired: int
    """Pods wanted, before min-scale and max-scale."""
    excess_burst_capacity: int
    """Requests that the ready pods could take beyond load and target burst; negative: too few."""
    ready: int
    observed_stable: float
    observed_panic: float
    wanted_stable: int
    """Pods that the stable window's average needs at the target, before any limit."""
    wanted_panic: int
    """Pods that the panic window's average needs at the target, before any limit."""
    panicking: bool
    limited_by: Limit | None
    """What made `desired` differ from what the windows want; the last rule that did."""


def begin(spec: DeciderSpec, ready: int, now: float) -> ScalerState:
    """The state of a decider made at `now`.

    With more than one ready pod it begins in panic: an autoscaler that has just restarted has lost
    its history and must not scale down before it has a new one.
    """
    slots = math.ceil(spec.scale_down_delay / TICK_INTERVAL) if spec.scale_down_delay > 0 else 0
    return ScalerState(now if ready > 1 else None, ready, slots)


def decide(
    spec: DeciderSpec, state: ScalerState, seen: Observation, now: float
) -> tuple[ScalerState, ScaleResult]:
    """The next state, and the pods wanted at `now`."""
    wanted_stable = math.ceil(seen.stable / spec.target)
    wanted_panic = math.ceil(seen.panic / spec.target)
    stable, stable_limit = _rate_limited(spec, wanted_stable, seen.ready)
    panic, panic_limit = _rate_limited(spec, wanted_panic, seen.ready)

    since, peak = _panic(spec, state, wanted_panic / max(1, seen.ready), now)
    desired, limit = stable, stable_limit
    if since is not None:
        if panic > stable:
            desired, limit = panic, panic_limit
        if desired < peak:
            desired, limit = peak, "panic"
        peak = desired
    delayed = state.delayed
    if spec.reachable and state.delay_slots:
        delayed = _recorded(delayed, state.delay_slots, math.floor(now / TICK_INTERVAL), desired)
        if delayed[0][1] > desired:
            desired, limit = delayed[0][1], "scale-down-delay"
    return ScalerState(since, peak, state.delay_slots, delayed), ScaleResult(
        desired=desired,
        excess_burst_capacity=excess_burst_capacity(spec, seen.ready, seen.panic),
        ready=seen.ready,
        observed_stable=seen.stable,
        observed_panic=seen.panic,
        wanted_stable=wanted_stable,
        wanted_panic=wanted_panic,
        panicking=since is not None,
        limited_by=limit,
    )


def _rate_limited(spec: DeciderSpec, wanted: int, ready: int) -> tuple[int, Limit | None]:
    """Pods after the scaling rates and the activation scale, and which of them changed `wanted`.

    Both rates leave room for one pod: the way up is rounded up, the way down is rounded down.
    """
    pods = max(1, ready)
    most = math.ceil(spec.max_scale_up_rate * pods)
    least = math.floor(pods / spec.max_scale_down_rate) if spec.reachable else 0
    limited = min(max(wanted, least), most)
    if wanted > 0 and spec.activation_scale > max(1, limited):
        return spec.activation_scale, "activation-scale"
    if limited < wanted:
        return limited, "max-scale-up-rate"
    return limited, "max-scale-down-rate" if limited > wanted else None


def _panic(
    spec: DeciderSpec, state: ScalerState, overload: float, now: float
) -> tuple[float | None, int]:
    """When panic was last renewed, or None, and the peak so far."""
    if overload >= spec.panic_threshold:
        return now, state.panic_peak
    if state.panic_since is not None and state.panic_since + spec.stable_window < now:
        return None, 0
    return state.panic_since, state.panic_peak


def _recorded(
    kept: tuple[tuple[int, int], ...], slots: int, slot: int, pods: int
) -> tuple[tuple[int, int], ...]:
    """`kept` with `pods` at `slot`: less what is too old, and what is no larger and older.

    Of two records in one slot the larger stays. The first entry is the maximum.
    """
    larger = [entry for entry in kept if entry[1] > pods and slot - entry[0] < slots]
    if larger and larger[-1][0] == slot:
        return tuple(larger)
    return (*larger, (slot, pods))
