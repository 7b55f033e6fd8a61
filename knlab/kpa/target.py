"""From a revision's annotations and the cluster's settings to what its autoscaling depends on.

Rules as in Knative's `pkg/reconciler/autoscaling/resources/{target,metric}.go`,
`kpa/resources/decider.go` and `pkg/apis/autoscaling/v1alpha1/pa_lifecycle.go`. An annotation that
cannot be read counts as absent; admission refuses such annotations before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Literal, TypeAlias, TypeVar

from knlab._exceptions import UsageError
from knlab._units import parse_duration
from knlab.kpa.bounds import ScaleBounds
from knlab.kpa.burst import UNLIMITED
from knlab.kpa.scale_to_zero import ACTIVATION_TIMEOUT_BUFFER, ZeroSpec
from knlab.kpa.spec import (
    BUCKET_SIZE,
    KPA_CLASS,
    MIN_TARGET,
    Aggregation,
    AutoscalerConfig,
    DeciderSpec,
    MetricName,
)

PREFIX: Final = "autoscaling.knative.dev/"
CLASS: Final = f"{PREFIX}class"
PROGRESS_DEADLINE: Final = "serving.knative.dev/progress-deadline"

LEGACY: Final[Mapping[str, str]] = {
    "initial-scale": "initialScale",
    "max-scale": "maxScale",
    "metric-aggregation-algorithm": "metricAggregationAlgorithm",
    "min-scale": "minScale",
    "panic-threshold-percentage": "panicThresholdPercentage",
    "panic-window-percentage": "panicWindowPercentage",
    "scale-down-delay": "scaleDownDelay",
    "scale-to-zero-pod-retention-period": "scaleToZeroPodRetentionPeriod",
    "target-burst-capacity": "targetBurstCapacity",
    "target-utilization-percentage": "targetUtilizationPercentage",
}
"""The older spelling of those annotations that have one; the newer one wins."""

Origin: TypeAlias = Literal["annotation", "containerConcurrency", "ConfigMap", "default"]
"""Where a value comes from. A ConfigMap that repeats a default counts as default."""

_T = TypeVar("_T", int, float)
_RPS_UTILIZATION: Final = 0.7
"""No ConfigMap key changes this one (`TargetUtilization`)."""
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_INT32: Final = 2**31
_SETTINGS: Final = {item.name: item.default for item in fields(AutoscalerConfig)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionScaling:
    """Everything that one revision's autoscaling depends on, besides its load."""

    decider: DeciderSpec = field(default_factory=DeciderSpec)
    bounds: ScaleBounds = field(default_factory=ScaleBounds)
    zero: ZeroSpec = field(default_factory=ZeroSpec)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    """Origin by annotation name without its prefix, e.g. `window`."""


def scaling_class(annotations: Mapping[str, str]) -> str:
    """The autoscaler class that `annotations` choose; Knative's own without one."""
    return annotations.get(CLASS, KPA_CLASS)


def annotated(annotations: Mapping[str, str], name: str) -> str | None:
    """The autoscaling annotation `name` in either spelling; None without it."""
    value = annotations.get(PREFIX + name)
    if value is None and name in LEGACY:
        value = annotations.get(PREFIX + LEGACY[name])
    return value


def resolve(
    annotations: Mapping[str, str],
    config: AutoscalerConfig,
    *,
    container_concurrency: int = 0,
    reachable: bool = True,
    progress_deadline: float = 600.0,
) -> RevisionScaling:
    """What autoscaling a revision with `annotations` depends on, and where each value comes from.

    `progress_deadline` is the cluster's; an annotation may replace it.
    """
    read = _Reader(annotations, config)
    decider = _decider(read, config, container_concurrency, reachable=reachable)
    retention = read.seconds("scale-to-zero-pod-retention-period")
    deadline = _duration(annotations.get(PROGRESS_DEADLINE))
    return RevisionScaling(
        decider=decider,
        bounds=ScaleBounds(
            minimum=read.whole("min-scale") if reachable else 0,
            maximum=read.whole("max-scale"),
            initial=decider.initial_scale,
            reachable=reachable,
        ),
        zero=ZeroSpec(
            enabled=config.enable_scale_to_zero,
            stable_window=decider.stable_window,
            grace_period=config.scale_to_zero_grace_period,
            retention_period=retention if reachable else 0.0,
            activation_timeout=(
                (progress_deadline if deadline is None else deadline) + ACTIVATION_TIMEOUT_BUFFER
            ),
            probes=decider.target_burst_capacity != UNLIMITED,
        ),
        origins=read.origins,
    )


def panic_window(stable_window: float, percentage: float) -> float:
    """`percentage` of `stable_window`, rounded to whole seconds, never less than a bucket."""
    return max(float(math.floor(stable_window * percentage / 100 + 0.5)), BUCKET_SIZE)


def _decider(
    read: _Reader, config: AutoscalerConfig, container_concurrency: int, *, reachable: bool
) -> DeciderSpec:
    metric = read.metric()
    total = _total(read, metric, container_concurrency)
    window = read.seconds("window", "stable_window")
    return DeciderSpec(
        metric=metric,
        target=max(MIN_TARGET, total * _utilization(read, metric)),
        total=total,
        target_burst_capacity=read.number("target-burst-capacity"),
        activator_capacity=config.activator_capacity,
        max_scale_up_rate=config.max_scale_up_rate,
        max_scale_down_rate=config.max_scale_down_rate,
        panic_threshold=read.number("panic-threshold-percentage") / 100,
        stable_window=window,
        panic_window=panic_window(window, read.number("panic-window-percentage")),
        aggregation=read.aggregation(),
        initial_scale=read.initial_scale(),
        activation_scale=read.activation_scale(),
        scale_down_delay=read.seconds("scale-down-delay"),
        reachable=reachable,
    )


def _total(read: _Reader, metric: MetricName, container_concurrency: int) -> float:
    """What one pod can carry; never more than containerConcurrency lets in."""
    setting = "requests_per_second_target_default"
    if metric == "concurrency":
        setting = "container_concurrency_target_default"
    total = read.number("target", setting)
    if metric == "concurrency" and container_concurrency > 0:
        annotation = read.origins["target"] == "annotation"
        if not annotation or container_concurrency < total:
            total = float(container_concurrency)
            read.origins["target"] = "containerConcurrency"
    return total


def _utilization(read: _Reader, metric: MetricName) -> float:
    name = "target-utilization-percentage"
    value = read.number(name, "container_concurrency_target_fraction")
    if read.origins[name] == "annotation":
        return value / 100
    if metric == "rps":
        read.origins[name] = "default"
        return _RPS_UTILIZATION
    return value


class _Reader:
    """Reads each value from the first place that has it, and notes which one that was."""

    def __init__(self, annotations: Mapping[str, str], config: AutoscalerConfig) -> None:
        self._annotations = annotations
        self._config = config
        self.origins: dict[str, Origin] = {}

    def number(self, name: str, setting: str = "") -> float:
        """A float from annotation `name` or the ConfigMap."""
        found = _float(annotated(self._annotations, name))
        return self._configured(name, setting) if found is None else self._from(name, found)

    def whole(self, name: str) -> int:
        """An integer from annotation `name` or the ConfigMap."""
        found = _int(annotated(self._annotations, name))
        return int(self._configured(name)) if found is None else self._from(name, found)

    def seconds(self, name: str, setting: str = "") -> float:
        """A duration from annotation `name` or the ConfigMap."""
        found = _duration(annotated(self._annotations, name))
        return self._configured(name, setting) if found is None else self._from(name, found)

    def initial_scale(self) -> int:
        """The annotation, unless it says 0 and the cluster does not allow that."""
        found = _int(annotated(self._annotations, "initial-scale"))
        if found is None or (found == 0 and not self._config.allow_zero_initial_scale):
            return int(self._configured("initial-scale"))
        return self._from("initial-scale", found)

    def activation_scale(self) -> int:
        """The annotation, or 0; the ConfigMap has no such key."""
        found = _int(annotated(self._annotations, "activation-scale"))
        self.origins["activation-scale"] = "default" if found is None else "annotation"
        return found or 0

    def metric(self) -> MetricName:
        """The metric to scale by."""
        found = annotated(self._annotations, "metric")
        self.origins["metric"] = "default" if found is None else "annotation"
        return "rps" if found == "rps" else "concurrency"

    def aggregation(self) -> Aggregation:
        """How windows average; an unknown algorithm counts as linear."""
        found = annotated(self._annotations, "metric-aggregation-algorithm")
        self.origins["metric-aggregation-algorithm"] = "default" if found is None else "annotation"
        weighted = found in {"weighted-exponential", "weightedExponential"}
        return "weighted-exponential" if weighted else "linear"

    def _from(self, name: str, value: _T) -> _T:
        self.origins[name] = "annotation"
        return value

    def _configured(self, name: str, setting: str = "") -> float:
        setting = setting or name.replace("-", "_")
        value = getattr(self._config, setting)
        self.origins[name] = "default" if value == _SETTINGS[setting] else "ConfigMap"
        return float(value)


def _float(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _int(text: str | None) -> int | None:
    if text is None or not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if -_INT32 <= number < _INT32 else None


def _duration(text: str | None) -> float | None:
    """Seconds of a Go duration, in which only 0 may lack a unit; None if it is none."""
    if text == "0":
        return 0.0
    try:
        return None if text is None else parse_duration(text)
    except UsageError:
        return None
