"""Rules for the annotations of templates, Revisions and PodAutoscalers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from knlab.embedded.kube.quantities import QuantityError, parse_quantity
from knlab.embedded.serving import keys
from knlab.embedded.serving.config_autoscaler import TARGET_MIN, WINDOW_MAX, WINDOW_MIN
from knlab.embedded.serving.field_errors import (
    CURRENT,
    Errors,
    generic,
    invalid,
    invalid_key,
    out_of_bounds,
    via,
    warnings,
)
from knlab.embedded.serving.go_text import (
    GoParseError,
    GoRangeError,
    format_seconds,
    parse_float,
    parse_integer,
    parse_nanoseconds,
)
from knlab.embedded.serving.resources.queue_resources import SHARE, resource_annotations
from knlab.kpa.spec import AutoscalerConfig

_SECOND: Final = 1_000_000_000
_MAX_INT32: Final = 2**31 - 1
_PRECISION: Final = "must be specified with at most second precision"
_SHARE_NOTICE: Final = (
    "Queue proxy resource percentage annotation is deprecated. Please use the available"
    " annotations to explicitly set resource values per service"
)
_NETWORKING_ALLOWED: Final = frozenset(
    {
        *keys.INGRESS_CLASS,
        *keys.CERTIFICATE_CLASS,
        *keys.HTTP_PROTOCOL,
        "networking.knative.dev/disableAutoTLS",
        "networking.knative.dev/disable-auto-tls",
        "networking.knative.dev/disable-external-domain-tls",
    }
)


def autoscaling_errors(annotations: Mapping[str, str], config: AutoscalerConfig) -> Errors:
    """What is wrong with the autoscaling annotations."""
    return (
        _class_errors(annotations)
        + _scale_errors(annotations, config)
        + _number_errors(annotations)
        + _duration_errors(annotations)
        + _metric_errors(annotations, config)
        + _algorithm_errors(annotations)
        + _initial_scale_errors(annotations, config)
    )


def _class_errors(annotations: Mapping[str, str]) -> Errors:
    value = annotations.get(keys.CLASS, "")
    foreign = value not in {keys.KPA_CLASS, keys.HPA_CLASS}
    return invalid(value, keys.CLASS) if foreign and value.endswith("knative.dev") else []


def _whole(annotations: Mapping[str, str], spellings: tuple[str, ...]) -> tuple[int, Errors]:
    found = keys.ranked(annotations, spellings)
    if found is None:
        return 0, []
    key, text = found
    try:
        value = parse_integer(text, bits=32)
    except GoRangeError:
        return 0, out_of_bounds(text, 0, _MAX_INT32, key)
    except GoParseError:
        return 0, invalid(text, key)
    return (value, []) if value >= 0 else (0, out_of_bounds(text, 0, _MAX_INT32, key))


def _scale_errors(annotations: Mapping[str, str], config: AutoscalerConfig) -> Errors:
    least, errors = _whole(annotations, keys.MIN_SCALE)
    most, more = _whole(annotations, keys.MAX_SCALE)
    errors = errors + more
    if 0 < most < least:
        text = f"max-scale={most} is less than min-scale={least}"
        errors += generic(text, keys.MAX_SCALE[0], keys.MIN_SCALE[0])
    given, limit = keys.ranked(annotations, keys.MAX_SCALE), config.max_scale_limit
    if given is not None and limit and most > limit:
        errors += out_of_bounds(most, 1, limit, given[0])
    if given is not None and limit and most == 0:
        text = f"max-scale=0 (unlimited), must be less than {limit}"
        errors += generic(text, given[0])
    if keys.ACTIVATION_SCALE in annotations:
        errors += _activation_errors(annotations[keys.ACTIVATION_SCALE], least, most)
    return errors


def _activation_errors(text: str, least: int, most: int) -> Errors:
    try:
        activation = parse_integer(text, bits=32)
    except GoParseError:
        return invalid(text, keys.ACTIVATION_SCALE)
    problem = ""
    if least > activation:
        problem = f"min-scale={least} is greater than activation-scale={activation}"
    elif 0 != most < activation:
        problem = f"max-scale={most} is less than activation-scale={activation}"
    elif activation < 2:
        problem = f"activation-scale={activation} must be greater than 1"
    return generic(problem, keys.ACTIVATION_SCALE) if problem else []


def _between(low: float, high: float) -> Callable[[str, float, str], Errors]:
    def check(text: str, value: float, key: str) -> Errors:
        return [] if low <= value <= high else out_of_bounds(text, f"{low:g}", f"{high:g}", key)

    return check


def _target(text: str, value: float, key: str) -> Errors:
    problem = f"target {text} should be at least {TARGET_MIN}"
    return generic(problem, key) if value < TARGET_MIN else []


def _burst(text: str, value: float, key: str) -> Errors:
    return invalid(text, key) if value < 0 and value != -1 else []


_NUMBERS: Final = (
    (keys.PANIC_WINDOW, _between(1, 100)),
    (keys.PANIC_THRESHOLD, _between(110, 1000)),
    ((keys.TARGET,), _target),
    (keys.TARGET_UTILIZATION, _between(1, 100)),
    (keys.TARGET_BURST_CAPACITY, _burst),
)


def _number_errors(annotations: Mapping[str, str]) -> Errors:
    errors: Errors = []
    for spellings, check in _NUMBERS:
        found = keys.ranked(annotations, spellings)
        if found is None:
            continue
        key, text = found
        try:
            errors += check(text, parse_float(text), key)
        except GoParseError:
            errors += invalid(text, key)
    return errors


def _duration_errors(annotations: Mapping[str, str]) -> Errors:
    errors: Errors = []
    for spellings, low, precise in (
        ((keys.WINDOW,), WINDOW_MIN, True),
        (keys.POD_RETENTION, 0.0, False),
        (keys.SCALE_DOWN_DELAY, 0.0, True),
    ):
        found = keys.ranked(annotations, spellings)
        if found is None:
            continue
        key, text = found
        try:
            value = parse_nanoseconds(text)
        except GoParseError:
            errors += invalid(text, key)
            continue
        if not low <= value / _SECOND <= WINDOW_MAX:
            bounds = format_seconds(low), format_seconds(WINDOW_MAX)
            errors += out_of_bounds(text, *bounds, key)
        elif precise and value % _SECOND:
            errors += generic(_PRECISION, key)
    return errors


def _metric_errors(annotations: Mapping[str, str], config: AutoscalerConfig) -> Errors:
    metric = annotations.get(keys.METRIC)
    klass = annotations.get(keys.CLASS, config.pod_autoscaler_class)
    wrong = (klass == keys.KPA_CLASS and metric not in {"concurrency", "rps"}) or (
        klass == keys.HPA_CLASS and not metric
    )
    return invalid(metric, keys.METRIC) if metric is not None and wrong else []


def _algorithm_errors(annotations: Mapping[str, str]) -> Errors:
    if annotations.get(keys.CLASS) != keys.KPA_CLASS:
        return []
    found = keys.ranked(annotations, keys.AGGREGATION)
    known = {"", "linear", "weighted-exponential", "weightedExponential"}
    return [] if found is None or found[1] in known else invalid(found[1], found[0])


def _initial_scale_errors(annotations: Mapping[str, str], config: AutoscalerConfig) -> Errors:
    found = keys.ranked(annotations, keys.INITIAL_SCALE)
    if found is None:
        return []
    key, text = found
    try:
        value = parse_integer(text)
    except GoParseError:
        return invalid(text, key)
    if value < 0:
        return invalid(text, f"{key} must be greater than 0")
    if value == 0 and not config.allow_zero_initial_scale:
        return invalid(text, f"{key}=0 not allowed by cluster")
    return []


def no_autoscaling_errors(annotations: Mapping[str, str]) -> Errors:
    """Autoscaling annotations where they have no effect."""
    hint = 'autoscaling annotations must be put under "spec.template.metadata.annotations" to work'
    errors: Errors = []
    for key in annotations:
        if key.startswith(keys.AUTOSCALING):
            errors += invalid_key(key, CURRENT, hint)
    return errors


def networking_errors(annotations: Mapping[str, str]) -> Errors:
    """Networking annotations that a template may not have."""
    errors: Errors = []
    for key in annotations:
        if key.startswith("networking.knative.dev") and key not in _NETWORKING_ALLOWED:
            errors += invalid_key(key, CURRENT)
    return errors


def duration_annotation_errors(
    annotations: Mapping[str, str], spellings: tuple[str, ...]
) -> Errors:
    """What is wrong with an annotation that is a positive number of whole seconds."""
    found = keys.ranked(annotations, spellings)
    if found is None or not found[1]:
        return []
    key, text = found
    name = spellings[0].rpartition("/")[2]
    try:
        value = parse_nanoseconds(text)
    except GoParseError:
        return invalid(text, key)
    if value % _SECOND:
        return generic(f"{name}={text} is not at second precision", key)
    return generic(f"{name}={text} must be positive", key) if value < 0 else []


def queue_resource_errors(annotations: Mapping[str, str]) -> Errors:
    """What is wrong with the resources asked for queue-proxy."""
    errors: Errors = []
    if (found := keys.ranked(annotations, SHARE)) is not None:
        errors += _share_errors(*found)
    for _part, _name, key in resource_annotations():
        try:
            parse_quantity(annotations.get(key, "0"))
        except QuantityError:
            errors += via(invalid(annotations[key], CURRENT), f"[{key}]")
    return errors


def _share_errors(key: str, text: str) -> Errors:
    errors: Errors = []
    try:
        value = parse_float(text)
    except GoParseError:
        errors = invalid(text, CURRENT)
    else:
        if not 0.1 <= value <= 100:
            errors = out_of_bounds(f"{value:g}", "0.1", "100", CURRENT)
    return warnings(generic(_SHARE_NOTICE)) + via(errors, f"[{key}]")
