"""What the autoscaler is told: the cluster's settings, and one revision's share of them.

`AutoscalerConfig` is the ConfigMap `config-autoscaler` after parsing; `DeciderSpec` is what remains
for one revision when its annotations have been taken into account (`kpa.target`). All defaults are
Knative's own: `pkg/autoscaler/config/config.go` and `pkg/apis/autoscaling/register.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

KPA_CLASS: Final = "kpa.autoscaling.knative.dev"
"""The autoscaler class that this package implements."""
HPA_CLASS: Final = "hpa.autoscaling.knative.dev"

MetricName: TypeAlias = Literal["concurrency", "rps"]
Aggregation: TypeAlias = Literal["linear", "weighted-exponential"]

MIN_TARGET: Final = 0.01
"""No pod is asked to carry less than this (`TargetMin`)."""
TICK_INTERVAL: Final = 2.0
"""Seconds between two decisions about one revision (`tickInterval`)."""
BUCKET_SIZE: Final = 1.0
"""Seconds that one bucket of a window covers (`BucketSize`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalerConfig:
    """The keys of `config-autoscaler`; durations in seconds."""

    pod_autoscaler_class: str = KPA_CLASS
    enable_scale_to_zero: bool = True
    container_concurrency_target_fraction: float = 0.7
    """The key `container-concurrency-target-percentage`, as a fraction of 1."""
    container_concurrency_target_default: float = 100.0
    requests_per_second_target_default: float = 200.0
    target_burst_capacity: float = 211.0
    stable_window: float = 60.0
    panic_window_percentage: float = 10.0
    panic_threshold_percentage: float = 200.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    scale_to_zero_grace_period: float = 30.0
    scale_to_zero_pod_retention_period: float = 0.0
    scale_down_delay: float = 0.0
    activator_capacity: float = 100.0
    initial_scale: int = 1
    allow_zero_initial_scale: bool = False
    min_scale: int = 0
    max_scale: int = 0
    """0 means no bound."""
    max_scale_limit: int = 0
    """0 means no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeciderSpec:
    """Everything that a decision about one revision depends on, besides its load."""

    metric: MetricName = "concurrency"
    target: float = 70.0
    """What one pod shall carry: `total` times the utilization."""
    total: float = 100.0
    """What one pod can carry."""
    target_burst_capacity: float = 211.0
    activator_capacity: float = 100.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    panic_threshold: float = 2.0
    """Panic begins when the panic window asks for this many times the ready pods."""
    stable_window: float = 60.0
    panic_window: float = 6.0
    aggregation: Aggregation = "linear"
    initial_scale: int = 1
    activation_scale: int = 0
    """The least scale other than zero; 0 and 1 mean none."""
    scale_down_delay: float = 0.0
    reachable: bool = True
    """Whether requests can arrive; without that, nothing slows scaling down."""
