"""From annotations and settings to what one revision's autoscaling depends on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from knlab.kpa.bounds import ScaleBounds
from knlab.kpa.scale_to_zero import ZeroSpec
from knlab.kpa.spec import AutoscalerConfig, DeciderSpec
from knlab.kpa.target import LEGACY, Origin, panic_window, resolve, scaling_class

CONFIG = AutoscalerConfig()


def annotated(**values: str) -> dict[str, str]:
    return {f"autoscaling.knative.dev/{key.replace('_', '-')}": v for key, v in values.items()}


def test_without_annotations_everything_is_the_default() -> None:
    scaling = resolve({}, CONFIG)
    assert scaling.decider == DeciderSpec()
    assert scaling.bounds == ScaleBounds()
    assert scaling.zero == ZeroSpec()
    assert set(scaling.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("values", "config", "concurrency", "target", "total"),
    [
        pytest.param({}, CONFIG, 0, 70.0, 100.0, id="concurrency: 70 of 100"),
        pytest.param({"metric": "rps"}, CONFIG, 0, 140.0, 200.0, id="rps: 140 of 200"),
        pytest.param({}, CONFIG, 10, 7.0, 10.0, id="containerConcurrency replaces the default"),
        pytest.param({}, CONFIG, 1, 0.7, 1.0, id="also when it is 1"),
        pytest.param({"target": "10"}, CONFIG, 0, 7.0, 10.0, id="the annotation replaces it"),
        pytest.param({"target": "1"}, CONFIG, 0, 0.7, 1.0, id="the article's target of 1"),
        pytest.param({"target": "50"}, CONFIG, 10, 7.0, 10.0, id="the smaller of both counts"),
        pytest.param({"target": "5"}, CONFIG, 10, 3.5, 5.0, id="whichever it is"),
        pytest.param(
            {"metric": "rps", "target": "50"}, CONFIG, 10, 35.0, 50.0,
            id="containerConcurrency says nothing about rps",
        ),
        pytest.param(
            {"target": "10", "target_utilization_percentage": "90"}, CONFIG, 0, 9.0, 10.0,
            id="utilization by annotation",
        ),
        pytest.param(
            {}, replace(CONFIG, container_concurrency_target_fraction=0.5), 0, 50.0, 100.0,
            id="utilization by ConfigMap",
        ),
        pytest.param(
            {"metric": "rps"}, replace(CONFIG, container_concurrency_target_fraction=0.5), 0,
            140.0, 200.0, id="but not for rps",
        ),
        pytest.param(
            {"metric": "rps", "target_utilization_percentage": "50"}, CONFIG, 0, 100.0, 200.0,
            id="rps obeys the annotation",
        ),
        pytest.param({"target": "0.01"}, CONFIG, 0, 0.01, 0.01, id="never below 0.01"),
    ],
)  # fmt: skip
def test_target(
    values: dict[str, str],
    config: AutoscalerConfig,
    concurrency: int,
    target: float,
    total: float,
) -> None:
    decider = resolve(annotated(**values), config, container_concurrency=concurrency).decider
    assert decider.target == pytest.approx(target)
    assert decider.total == total


@pytest.mark.parametrize(
    ("window", "percentage", "seconds"),
    [(60, 10, 6), (10, 10, 1), (6, 10, 1), (6, 1, 1), (60, 51, 31), (60, 100, 60), (25, 10, 3)],
)
def test_panic_window(window: float, percentage: float, seconds: float) -> None:
    assert panic_window(window, percentage) == seconds


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("metric", "rps", "metric", "rps"),
        ("metric", "cpu", "metric", "concurrency"),
        ("target-burst-capacity", "-1", "target_burst_capacity", -1.0),
        ("target-burst-capacity", "0", "target_burst_capacity", 0.0),
        ("panic-threshold-percentage", "150", "panic_threshold", 1.5),
        ("panic-window-percentage", "50", "panic_window", 30.0),
        ("window", "6s", "stable_window", 6.0),
        ("window", "1m30s", "stable_window", 90.0),
        ("scale-down-delay", "5m", "scale_down_delay", 300.0),
        ("scale-down-delay", "0", "scale_down_delay", 0.0),
        ("activation-scale", "3", "activation_scale", 3),
        ("initial-scale", "4", "initial_scale", 4),
        ("metric-aggregation-algorithm", "weighted-exponential", "aggregation",
         "weighted-exponential"),
        ("metric-aggregation-algorithm", "weightedExponential", "aggregation",
         "weighted-exponential"),
        ("metric-aggregation-algorithm", "median", "aggregation", "linear"),
    ],
)  # fmt: skip
def test_annotations_of_the_decider(name: str, text: str, field: str, value: Any) -> None:
    scaling = resolve({f"autoscaling.knative.dev/{name}": text}, CONFIG)
    assert getattr(scaling.decider, field) == value
    assert scaling.origins[name] == "annotation"


@pytest.mark.parametrize(
    ("setting", "value", "field", "expected"),
    [
        ("target_burst_capacity", 0.0, "target_burst_capacity", 0.0),
        ("activator_capacity", 50.0, "activator_capacity", 50.0),
        ("max_scale_up_rate", 2.0, "max_scale_up_rate", 2.0),
        ("max_scale_down_rate", 3.0, "max_scale_down_rate", 3.0),
        ("panic_threshold_percentage", 400.0, "panic_threshold", 4.0),
        ("panic_window_percentage", 20.0, "panic_window", 12.0),
        ("stable_window", 30.0, "stable_window", 30.0),
        ("scale_down_delay", 15.0, "scale_down_delay", 15.0),
        ("initial_scale", 2, "initial_scale", 2),
        ("container_concurrency_target_default", 50.0, "total", 50.0),
    ],
)
def test_settings_of_the_decider(setting: str, value: float, field: str, expected: float) -> None:
    changed: dict[str, Any] = {setting: value}
    assert getattr(resolve({}, replace(CONFIG, **changed)).decider, field) == expected


@pytest.mark.parametrize(
    ("text", "allowed", "scale"),
    [
        pytest.param("0", False, 2, id="zero falls back to the cluster's where it is not allowed"),
        pytest.param("0", True, 0, id="zero counts where it is allowed"),
        pytest.param("3", False, 3, id="any other number counts"),
    ],
)
def test_initial_scale(text: str, scale: int, *, allowed: bool) -> None:
    config = replace(CONFIG, initial_scale=2, allow_zero_initial_scale=allowed)
    scaling = resolve(annotated(initial_scale=text), config)
    assert scaling.decider.initial_scale == scaling.bounds.initial == scale


@pytest.mark.parametrize(
    ("values", "config", "reachable", "bounds"),
    [
        pytest.param({"min_scale": "2", "max_scale": "5"}, CONFIG, True, (2, 5), id="annotations"),
        pytest.param(
            {}, replace(CONFIG, min_scale=1, max_scale=9), True, (1, 9), id="the ConfigMap"
        ),
        pytest.param(
            {"min_scale": "0"}, replace(CONFIG, min_scale=1), True, (0, 0),
            id="an annotation of 0 replaces the ConfigMap's",
        ),
        pytest.param(
            {"min_scale": "2", "max_scale": "5"}, CONFIG, False, (0, 5),
            id="unreachable: no minimum, but a maximum",
        ),
    ],
)  # fmt: skip
def test_bounds(
    values: dict[str, str], config: AutoscalerConfig, bounds: tuple[int, int], *, reachable: bool
) -> None:
    found = resolve(annotated(**values), config, reachable=reachable).bounds
    assert (found.minimum, found.maximum, found.reachable) == (*bounds, reachable)


@pytest.mark.parametrize(
    ("values", "reachable", "field", "value"),
    [
        pytest.param({}, True, "activation_timeout", 130.0, id="the cluster's deadline and 30 s"),
        pytest.param({"window": "6s"}, True, "stable_window", 6.0, id="the stable window"),
        pytest.param({}, True, "retention_period", 20.0, id="the cluster's retention"),
        pytest.param(
            {"scale_to_zero_pod_retention_period": "35s"}, True, "retention_period", 35.0,
            id="the annotation's",
        ),
        pytest.param({}, False, "retention_period", 0.0, id="none where nothing can arrive"),
        pytest.param({}, True, "grace_period", 10.0, id="the cluster's grace period"),
        pytest.param({}, True, "enabled", False, id="whether zero is allowed"),
        pytest.param({}, True, "probes", True, id="the activator is probed"),
        pytest.param(
            {"target_burst_capacity": "-1"}, True, "probes", False, id="unless it is always there"
        ),
    ],
)  # fmt: skip
def test_scale_to_zero(
    values: dict[str, str], field: str, value: float, *, reachable: bool
) -> None:
    config = replace(
        CONFIG,
        scale_to_zero_grace_period=10.0,
        scale_to_zero_pod_retention_period=20.0,
        enable_scale_to_zero=False,
    )
    scaling = resolve(annotated(**values), config, reachable=reachable, progress_deadline=100.0)
    assert getattr(scaling.zero, field) == value


def test_a_revision_has_its_own_progress_deadline() -> None:
    scaling = resolve({"serving.knative.dev/progress-deadline": "1m"}, CONFIG)
    assert scaling.zero.activation_timeout == 90.0


@pytest.mark.parametrize("name", sorted(LEGACY))
def test_the_older_spelling_counts_and_the_newer_one_wins(name: str) -> None:
    old, new = f"autoscaling.knative.dev/{LEGACY[name]}", f"autoscaling.knative.dev/{name}"
    text = {"metric-aggregation-algorithm": "weighted-exponential"}.get(name)
    if text is None:
        text = "17s" if name in {"scale-down-delay", "scale-to-zero-pod-retention-period"} else "17"
    by_old, by_new = resolve({old: text}, CONFIG), resolve({new: text}, CONFIG)
    assert by_old == by_new != resolve({}, CONFIG)
    assert resolve({new: text, old: "1"}, CONFIG) == by_new


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("target", "many"),
        ("target", "nan"),
        ("target", ""),
        ("min-scale", "1.5"),
        ("min-scale", "2147483648"),
        ("max-scale", "five"),
        ("window", "60"),
        ("window", "soon"),
        ("scale-down-delay", "-5s"),
        ("activation-scale", "x"),
    ],
)
def test_an_unreadable_annotation_counts_as_absent(name: str, text: str) -> None:
    assert resolve({f"autoscaling.knative.dev/{name}": text}, CONFIG) == resolve({}, CONFIG)


@pytest.mark.parametrize(
    ("values", "config", "concurrency", "name", "origin"),
    [
        pytest.param({"target": "5"}, CONFIG, 0, "target", "annotation", id="annotation"),
        pytest.param({}, CONFIG, 5, "target", "containerConcurrency", id="containerConcurrency"),
        pytest.param(
            {"target": "50"}, CONFIG, 5, "target", "containerConcurrency",
            id="containerConcurrency below the annotation",
        ),
        pytest.param(
            {"target": "5"}, CONFIG, 50, "target", "annotation",
            id="annotation below containerConcurrency",
        ),
        pytest.param(
            {}, replace(CONFIG, stable_window=30.0), 0, "window", "ConfigMap", id="ConfigMap"
        ),
        pytest.param({}, CONFIG, 0, "window", "default", id="default"),
    ],
)  # fmt: skip
def test_origins(
    values: dict[str, str],
    config: AutoscalerConfig,
    concurrency: int,
    name: str,
    origin: Origin,
) -> None:
    scaling = resolve(annotated(**values), config, container_concurrency=concurrency)
    assert scaling.origins[name] == origin


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "kpa.autoscaling.knative.dev"),
        ({"class": "hpa.autoscaling.knative.dev"}, "hpa.autoscaling.knative.dev"),
    ],
)
def test_class(values: dict[str, str], expected: str) -> None:
    assert scaling_class(annotated(**values)) == expected
