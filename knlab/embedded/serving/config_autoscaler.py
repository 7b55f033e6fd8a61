"""ConfigMap config-autoscaler: keys, defaults and refusals as in `pkg/autoscaler/config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.go_text import format_float, format_seconds
from knlab.embedded.serving.keys import KPA_CLASS
from knlab.kpa.spec import AutoscalerConfig

WINDOW_MIN: Final = 6.0
WINDOW_MAX: Final = 3600.0
TARGET_MIN: Final = 0.01


def parse_autoscaler(data: Mapping[str, str]) -> AutoscalerConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be.
    """
    read = Fields(data, prefix="failed to parse data: ")
    config = AutoscalerConfig(
        pod_autoscaler_class=read.string(KPA_CLASS, "pod-autoscaler-class"),
        enable_scale_to_zero=read.boolean("enable-scale-to-zero", default=True),
        allow_zero_initial_scale=read.boolean("allow-zero-initial-scale", default=False),
        max_scale_up_rate=read.number(1000.0, "max-scale-up-rate"),
        max_scale_down_rate=read.number(2.0, "max-scale-down-rate"),
        container_concurrency_target_fraction=read.number(
            0.7, "container-concurrency-target-percentage"
        ),
        container_concurrency_target_default=read.number(
            100.0, "container-concurrency-target-default"
        ),
        requests_per_second_target_default=read.number(200.0, "requests-per-second-target-default"),
        target_burst_capacity=read.number(211.0, "target-burst-capacity"),
        panic_window_percentage=read.number(10.0, "panic-window-percentage"),
        activator_capacity=read.number(100.0, "activator-capacity"),
        panic_threshold_percentage=read.number(200.0, "panic-threshold-percentage"),
        initial_scale=read.integer(1, "initial-scale", bits=32),
        min_scale=read.integer(0, "min-scale", bits=32),
        max_scale=read.integer(0, "max-scale", bits=32),
        max_scale_limit=read.integer(0, "max-scale-limit", bits=32),
        stable_window=read.seconds(60.0, "stable-window"),
        scale_down_delay=read.seconds(0.0, "scale-down-delay"),
        scale_to_zero_grace_period=read.seconds(30.0, "scale-to-zero-grace-period"),
        scale_to_zero_pod_retention_period=read.seconds(0.0, "scale-to-zero-pod-retention-period"),
    )
    if config.container_concurrency_target_fraction > 1:
        fraction = config.container_concurrency_target_fraction / 100
        config = replace(config, container_concurrency_target_fraction=fraction)
    for refusal in (_time_refusal, _target_refusal, _rate_refusal, _window_refusal, _scale_refusal):
        if text := refusal(config):
            raise ConfigError(text)
    return config


def _time_refusal(config: AutoscalerConfig) -> str:
    grace = format_seconds(config.scale_to_zero_grace_period)
    delay = format_seconds(config.scale_down_delay)
    retention = format_seconds(config.scale_to_zero_pod_retention_period)
    if config.scale_to_zero_grace_period <= 0:
        return f"scale-to-zero-grace-period must be positive, was: {grace}"
    if config.scale_down_delay < 0:
        return f"scale-down-delay cannot be negative, was: {delay}"
    if config.scale_down_delay % 1:
        return f"scale-down-delay = {delay}, must be specified with at most second precision"
    if config.scale_to_zero_pod_retention_period < 0:
        return f"scale-to-zero-pod-retention-period cannot be negative, was: {retention}"
    return ""


def _target_refusal(config: AutoscalerConfig) -> str:
    capacity, fraction = config.target_burst_capacity, config.container_concurrency_target_fraction
    if capacity < 0 and capacity != -1:
        return (
            "target-burst-capacity must be either non-negative or -1 (for unlimited),"
            f" was: {capacity:f}"
        )
    if not 0 < fraction <= 1:
        return (
            f"container-concurrency-target-percentage = {fraction:f}"
            " is outside of valid range of (0, 100]"
        )
    concurrency = fraction * config.container_concurrency_target_default
    if concurrency < TARGET_MIN:
        return (
            "container-concurrency-target-percentage and container-concurrency-target-default"
            f" yield target concurrency of {format_float(concurrency)},"
            f" can't be less than {TARGET_MIN}"
        )
    rps = config.requests_per_second_target_default
    if rps < TARGET_MIN:
        return (
            f"requests-per-second-target-default must be at least {TARGET_MIN},"
            f" was: {format_float(rps)}"
        )
    return ""


def _rate_refusal(config: AutoscalerConfig) -> str:
    if config.activator_capacity < 1:
        return f"activator-capacity = {format_float(config.activator_capacity)}, must be at least 1"
    for name, rate in (
        ("max-scale-up-rate", config.max_scale_up_rate),
        ("max-scale-down-rate", config.max_scale_down_rate),
    ):
        if rate <= 1:
            return f"{name} = {format_float(rate)}, must be greater than 1.0"
    return ""


def _window_refusal(config: AutoscalerConfig) -> str:
    window = format_seconds(config.stable_window)
    if not WINDOW_MIN <= config.stable_window <= WINDOW_MAX:
        bounds = f"[{format_seconds(WINDOW_MIN)}; {format_seconds(WINDOW_MAX)}]"
        return f"stable-window = {window}, must be in {bounds} range"
    if config.stable_window % 1:
        return f"stable-window = {window}, must be specified with at most second precision"
    if not 1 <= config.panic_window_percentage <= 100:
        percentage = format_float(config.panic_window_percentage)
        return f"panic-window-percentage = {percentage}, must be in [1, 100] interval"
    return ""


def _scale_refusal(config: AutoscalerConfig) -> str:
    low, high, limit = config.min_scale, config.max_scale, config.max_scale_limit
    initial = config.initial_scale
    if initial < 0 or (initial == 0 and not config.allow_zero_initial_scale):
        return (
            f"initial-scale = {initial}, must be at least 0"
            " (or at least 1 when allow-zero-initial-scale is false)"
        )
    if low < 0:
        return f"min-scale = {low}, must be at least 0"
    floor = 1 if limit > 0 else 0
    if high < floor or 0 < limit < high:
        return f"max-scale = {high}, must be in [{floor}, max-scale-limit({limit})] range"
    if limit < 0:
        return f"max-scale-limit = {limit}, must be at least 0"
    if 0 < high < low:
        return f"min-scale ({low}) must be less than max-scale ({high})"
    return ""
