"""The autoscaler of one revision: it is fed reports and ticks, and does no I/O.

One for every driver: the embedded cluster ticks it live, a simulation with its own clock, a replay
with the times of a recording.
"""

from __future__ import annotations

from dataclasses import dataclass

from knlab.kpa.burst import UNLIMITED, initial_burst_capacity
from knlab.kpa.decide import Observation, ScaleResult, ScalerState, begin, decide
from knlab.kpa.scale_to_zero import UNKNOWN_SCALE
from knlab.kpa.spec import DeciderSpec
from knlab.kpa.stat import Stat
from knlab.kpa.windows import Window


@dataclass(frozen=True, slots=True)
class DeciderStatus:
    """What the latest decision says to the rest of the cluster."""

    desired: int
    """Pods wanted, before min-scale and max-scale; -1 before the first decision."""
    excess_burst_capacity: int

    def calls_for_reconcile(self, before: DeciderStatus) -> bool:
        """Whether anybody must act who last saw `before`: another scale, or another sign."""
        signs = self.excess_burst_capacity < 0, before.excess_burst_capacity < 0
        return self.desired != before.desired or signs[0] != signs[1]


def initial_status(spec: DeciderSpec) -> DeciderStatus:
    """What is said before the first decision."""
    return DeciderStatus(UNKNOWN_SCALE, initial_burst_capacity(spec))


class _Averages:
    """One metric over both windows."""

    def __init__(self, spec: DeciderSpec) -> None:
        self.stable = Window(spec.stable_window, spec.aggregation)
        self.panic = Window(spec.panic_window, spec.aggregation)

    def record(self, now: float, value: float) -> None:
        self.stable.record(now, value)
        self.panic.record(now, value)

    def resize(self, spec: DeciderSpec, now: float) -> None:
        self.stable.resize(spec.stable_window, now)
        self.panic.resize(spec.panic_window, now)


class Autoscaler:
    """Windows and state of one revision. `ready` is its number of ready pods when this is made."""

    def __init__(self, spec: DeciderSpec, *, ready: int, now: float) -> None:
        self.spec = spec
        self.state: ScalerState = begin(spec, ready, now)
        self.status = initial_status(spec)
        self._concurrency = _Averages(spec)
        self._rps = _Averages(spec)

    def respec(self, spec: DeciderSpec, now: float) -> None:
        """Decide by `spec` from now on; what was recorded and decided stays.

        The scale-down delay and the aggregation remain as they were at the beginning.
        """
        self.spec = spec
        self._concurrency.resize(spec, now)
        self._rps.resize(spec, now)

    def observe(self, now: float, stat: Stat) -> None:
        """Record a report. What came through an activator is left to the activator's own report."""
        self._concurrency.record(
            now, stat.average_concurrent_requests - stat.average_proxied_concurrent_requests
        )
        self._rps.record(now, stat.request_count - stat.proxied_request_count)

    def tick(self, now: float, ready: int) -> ScaleResult | None:
        """Decide with `ready` pods. None without recent reports: what was decided before holds."""
        seen = self._rps if self.spec.metric == "rps" else self._concurrency
        if seen.stable.is_empty(now) and self.spec.target_burst_capacity != UNLIMITED:
            return None
        observation = Observation(
            ready=ready, stable=seen.stable.average(now), panic=seen.panic.average(now)
        )
        self.state, result = decide(self.spec, self.state, observation, now)
        self.status = DeciderStatus(result.desired, result.excess_burst_capacity)
        return result

    def must_tick_for(self, stat: Stat) -> bool:
        """Whether `stat` is a request for a revision at zero: that cannot wait for a tick."""
        return self.status.desired == 0 and stat.average_concurrent_requests != 0
