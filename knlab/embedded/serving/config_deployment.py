"""ConfigMaps config-deployment and config-observability: what pods get beside their program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from knlab.embedded.kube.go_types import STRINGS, Map, Member, Struct
from knlab.embedded.kube.names import label_value_errors, qualified_name_errors
from knlab.embedded.serving.config_fields import ConfigError, Fields
from knlab.embedded.serving.dns_names import subdomain_problems
from knlab.embedded.serving.go_template import TemplateError, check_syntax
from knlab.embedded.serving.go_text import format_seconds, quoted
from knlab.embedded.serving.request_log_template import RequestLogTemplate
from knlab.embedded.serving.yaml_values import read_yaml

SPREAD: Final = "prefer-spread-revision-over-nodes"
_RUNTIME_CLASSES: Final = Map(
    Struct("deployment.RuntimeClassNameLabelSelector", lambda: {"selector": Member(STRINGS)})
)
REQUEST_LOG_TEMPLATE: Final = (
    '{"httpRequest": {"requestMethod": "{{.Request.Method}}",'
    ' "requestUrl": "{{js .Request.RequestURI}}",'
    ' "requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}},'
    ' "responseSize": "{{.Response.Size}}", "userAgent": "{{js .Request.UserAgent}}",'
    ' "remoteIp": "{{js .Request.RemoteAddr}}", "serverIp": "{{.Revision.PodIP}}",'
    ' "referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s",'
    ' "protocol": "{{.Request.Proto}}"}, "traceId": "{{.TraceID}}"}'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentConfig:
    """How a revision's Deployment is made; quantities are text, empty means unset."""

    queue_sidecar_image: str
    registries_skipping_tag_resolving: frozenset[str] = frozenset(
        {"kind.local", "ko.local", "dev.local"}
    )
    digest_resolution_timeout: float = 10.0
    progress_deadline: float = 600.0
    queue_requests: Mapping[str, str]
    queue_limits: Mapping[str, str]
    queue_sidecar_token_audiences: frozenset[str] = frozenset()
    queue_sidecar_rootca: str = ""
    queue_tls: tuple[str, str, str, str] = ("", "", "", "")
    """Minimum and maximum version, cipher suites, curve preferences."""
    default_affinity_type: str = SPREAD
    runtime_classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Runtime classes, each with the labels that a Revision needs to get it."""
    pod_is_always_schedulable: bool = False

    def runtime_class(self, labels: Mapping[str, str]) -> str:
        """The class for a Revision with `labels`: most labels first, then by alphabet."""
        matching = [
            (-len(selector), name)
            for name, selector in self.runtime_classes.items()
            if selector.items() <= labels.items()
        ]
        return min(matching)[1] if matching else ""


def parse_deployment(data: Mapping[str, str]) -> DeploymentConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be, or if it asks for more than
            the embedded cluster has.
    """
    read = Fields(data)
    config = DeploymentConfig(
        queue_sidecar_image=read.string("", "queueSidecarImage", "queue-sidecar-image"),
        progress_deadline=read.seconds(600.0, "progressDeadline", "progress-deadline"),
        digest_resolution_timeout=read.seconds(
            10.0, "digestResolutionTimeout", "digest-resolution-timeout"
        ),
        registries_skipping_tag_resolving=read.words(
            frozenset({"kind.local", "ko.local", "dev.local"}),
            "registriesSkippingTagResolving",
            "registries-skipping-tag-resolving",
        ),
        queue_requests=_quantities(read, "Request", cpu="25m"),
        queue_limits=_quantities(read, "Limit", cpu=""),
        queue_sidecar_token_audiences=read.words(frozenset(), "queue-sidecar-token-audiences"),
        queue_sidecar_rootca=read.string("", "queue-sidecar-rootca"),
        queue_tls=(
            read.string("", "queue-sidecar-tls-min-version"),
            read.string("", "queue-sidecar-tls-max-version"),
            read.string("", "queue-sidecar-tls-cipher-suites"),
            read.string("", "queue-sidecar-tls-curve-preferences"),
        ),
        default_affinity_type=data.get("default-affinity-type", SPREAD),
        runtime_classes=_runtime_classes(data.get("runtime-class-name", "")),
        pod_is_always_schedulable=read.boolean("pod-is-always-schedulable", default=False),
    )
    if text := _refusal(config):
        raise ConfigError(text)
    return config


def _quantities(read: Fields, what: str, *, cpu: str) -> dict[str, str]:
    found = {}
    for name, legacy, default in (
        ("cpu", "CPU", cpu),
        ("memory", "Memory", ""),
        ("ephemeral-storage", "EphemeralStorage", ""),
    ):
        value = read.quantity(
            default, f"queueSidecar{legacy}{what}", f"queue-sidecar-{name}-{what.lower()}"
        )
        if value:
            found[name] = value
    return found


def _runtime_classes(text: str) -> dict[str, Mapping[str, str]]:
    try:
        found = read_yaml(text, _RUNTIME_CLASSES) or {}
    except ConfigError as error:
        text = f"runtime-class-name cannot be parsed, please check the format: {error}"
        raise ConfigError(text) from error
    classes = {name: (value or {}).get("selector") or {} for name, value in found.items()}
    for name, selector in classes.items():
        if problems := subdomain_problems(name):
            text = f"selector not valid DNSSubdomain: [{' '.join(problems)}]"
            raise ConfigError(f"runtime-class-name {name} {text}")
        for key, value in selector.items():
            if complaint := _label_complaint(key, value):
                raise ConfigError(f"runtime-class-name {name} selector invalid: {complaint}")
    return classes


def _label_complaint(key: str, value: str) -> str:
    checked = (
        ("key", key, qualified_name_errors(key)),
        (f"values[0][{key}]", value, label_value_errors(value)),
    )
    complaints = [
        f"{place}: Invalid value: {quoted(shown)}: {'; '.join(problems)}"
        for place, shown, problems in checked
        if problems
    ]
    return f"[{', '.join(complaints)}]" if len(complaints) > 1 else "".join(complaints)


def _refusal(config: DeploymentConfig) -> str:
    if not config.queue_sidecar_image:
        return "queue-sidecar-image cannot be empty or unset"
    if text := _time_refusal(config):
        return text
    if config.default_affinity_type not in {"none", SPREAD}:
        return f"unsupported default-affinity-type value: {quoted(config.default_affinity_type)}"
    return ""


def _time_refusal(config: DeploymentConfig) -> str:
    deadline = format_seconds(config.progress_deadline)
    if config.progress_deadline <= 0:
        return f"progress-deadline cannot be a non-positive duration, was {deadline}"
    if config.progress_deadline % 1:
        return f"progress-deadline must be rounded to a whole second, was: {deadline}"
    if config.digest_resolution_timeout <= 0:
        timeout = format_seconds(config.digest_resolution_timeout)
        return f"digest-resolution-timeout cannot be a non-positive duration, was {timeout}"
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservabilityConfig:
    """What config-observability means for revisions."""

    queue_json: str
    """The JSON that queue-proxy gets as OBSERVABILITY_CONFIG."""
    log_url_template: str = ""


def parse_observability(data: Mapping[str, str]) -> ObservabilityConfig:
    """The settings in `data`, the ConfigMap's own data.

    Raises:
        ConfigError: with Knative's text, if a value cannot be.
    """
    read = Fields(data)
    body: dict[str, Any] = {
        "tracing": _tracing(read),
        "metrics": _metrics(read, ""),
        "runtime": _runtime(read),
        "requestMetrics": _metrics(read, "request-"),
    }
    _refuse_exporters(body)
    log_url = read.string("", "logging.revision-url-template")
    if read.boolean("logging.enable-var-log-collection", default=False):
        raise ConfigError(
            "logging.enable-var-log-collection: not supported by the embedded cluster"
        )
    if log_url:
        body["LoggingURLTemplate"] = log_url
    template = read.string(REQUEST_LOG_TEMPLATE, "logging.request-log-template")
    enabled = read.boolean("logging.enable-request-log", default=False)
    if enabled:
        body["enableRequestLog"] = True
    if template:
        body["requestLogTemplate"] = template
    elif enabled:
        raise ConfigError(
            '"logging.enable-request-log" was set to true,'
            ' but no "logging.request-log-template" was specified'
        )
    _check_request_log(template, enabled=enabled)
    if read.boolean("logging.enable-probe-request-log", default=False):
        body["enableProbeRequestLog"] = True
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return ObservabilityConfig(queue_json=text, log_url_template=log_url)


def _check_request_log(template: str, *, enabled: bool) -> None:
    try:
        check_syntax("requestLog", template)
        if enabled:
            RequestLogTemplate(template)
    except TemplateError as error:
        raise ConfigError(str(error)) from error


def _refuse_exporters(body: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse what would send something out of the cluster, which the embedded one does not."""
    if body["tracing"]["protocol"] != "none":
        raise ConfigError(
            "tracing-protocol: the embedded cluster makes no traces; set it to none or leave it out"
        )
    for name, prefix in (("metrics", ""), ("requestMetrics", "request-")):
        if body[name]["protocol"] not in {"none", "prometheus"}:
            raise ConfigError(
                f"{prefix}metrics-protocol: the embedded cluster pushes no metrics;"
                " set it to prometheus, to be asked for them, or to none"
            )


def _metrics(read: Fields, prefix: str) -> dict[str, Any]:
    protocol = read.string("none", f"{prefix}metrics-protocol")
    endpoint = read.string("", f"{prefix}metrics-endpoint")
    interval = read.seconds(0.0, f"{prefix}metrics-export-interval")
    if protocol in {"grpc", "http/protobuf"} and not endpoint:
        raise ConfigError(f"endpoint should be set when protocol is {quoted(protocol)}")
    if protocol == "none" and endpoint:
        raise ConfigError(f"endpoint should not be set when protocol is {quoted(protocol)}")
    if protocol not in {"grpc", "http/protobuf", "none", "prometheus"}:
        raise ConfigError(f"unsupported protocol {quoted(protocol)}")
    return _with_interval({"protocol": protocol, "endpoint": endpoint}, interval)


def _tracing(read: Fields) -> dict[str, Any]:
    protocol = read.string("none", "tracing-protocol")
    endpoint = read.string("", "tracing-endpoint")
    rate = read.number(0.0, "tracing-sampling-rate")
    if protocol in {"grpc", "http/protobuf"} and not endpoint:
        raise ConfigError(f"endpoint should be set for protocol {quoted(protocol)}")
    if protocol in {"none", "stdout"} and endpoint:
        raise ConfigError("endpoint should not be set when protocol is 'none'")
    if protocol not in {"grpc", "http/protobuf", "none", "stdout"}:
        raise ConfigError(f"unsupported protocol {quoted(protocol)}")
    if rate < 0:
        raise ConfigError(f"sampling rate {rate:f} should be greater or equal to zero")
    if rate > 1:
        raise ConfigError(f"sampling rate {rate:f} should be less than or equal to one")
    body: dict[str, Any] = {"protocol": protocol, "endpoint": endpoint, "samplingRate": rate}
    return {key: value for key, value in body.items() if value}


def _runtime(read: Fields) -> dict[str, Any]:
    profiling = read.string("disabled", "runtime-profiling")
    if profiling not in {"enabled", "disabled"}:
        raise ConfigError(f"unsupported profile setting {quoted(profiling)}")
    if profiling == "enabled":
        raise ConfigError("runtime-profiling: not supported by the embedded cluster")
    return _with_interval({"profiling": profiling}, read.seconds(15.0, "runtime-export-interval"))


def _with_interval(body: dict[str, Any], interval: float) -> dict[str, Any]:
    if interval < 0:
        text = quoted(format_seconds(interval))
        raise ConfigError(f"export interval {text} should be greater than zero")
    body["exportInterval"] = round(interval * 1_000_000_000)
    return {key: value for key, value in body.items() if value}
