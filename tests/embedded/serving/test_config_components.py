"""ConfigMaps of logging, leader election and certificates, and what is kept when one breaks."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.controller import NOTHING, Outcome, View
from knlab.embedded.kube.objects import Key, Object
from knlab.embedded.serving.config import (
    ConfigError,
    parse_autoscaler,
    parse_defaults,
    parse_deployment,
    parse_logging,
    parse_network,
    parse_observability,
    read_config,
    reading_config,
)
from knlab.embedded.serving.config_components import parse_leader_election
from tests.factories import DictView, make


def config_map(name: str, data: dict[str, str]) -> Object:
    return make("v1", "ConfigMap", name, "knative-serving", data=data)


def test_levels_are_those_of_components() -> None:
    data = {"zap-logger-config": "{}", "loglevel.queueproxy": "DEBUG", "loglevel.webhook": ""}
    config = parse_logging(data | {"loglevel.": "x", "loglevel.activator": "warning"})
    assert config.logger == "{}"
    assert config.levels == {"queueproxy": "debug", "activator": "warn"}


def test_leader_election_reads_both_spellings() -> None:
    config = parse_leader_election({"leaseDuration": "1s", "retryPeriod": "2s", "buckets": "3"})
    assert (config.lease_duration, config.renew_deadline, config.retry_period) == (1, 40, 2)
    assert config.buckets == 3


def test_runtime_classes_are_chosen_by_labels() -> None:
    text = (
        "plain: {}\nbeta: {selector: {a: b}}\nalpha: {selector: {a: b}}\n"
        "both: {selector: {a: b, c: d}}"
    )
    config = parse_deployment({"queue-sidecar-image": "q", "runtime-class-name": text})
    assert config.runtime_class({}) == "plain"
    assert config.runtime_class({"a": "b"}) == "alpha"
    assert config.runtime_class({"a": "b", "c": "d"}) == "both"
    assert parse_deployment({"queue-sidecar-image": "q"}).runtime_class({}) == ""


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"tracing-protocol": "stdout"}, "tracing-protocol: the embedded cluster makes no traces;"),
        ({"tracing-protocol": "grpc", "tracing-endpoint": "x"}, "tracing-protocol: the embedded"),
        ({"metrics-protocol": "http/protobuf", "metrics-endpoint": "x"},
         "metrics-protocol: the embedded cluster pushes no metrics; set it to prometheus"),
        ({"request-metrics-protocol": "grpc", "request-metrics-endpoint": "x"},
         "request-metrics-protocol: the embedded cluster pushes no metrics;"),
        ({"runtime-profiling": "enabled"}, "runtime-profiling: not supported by the embedded"),
        ({"logging.enable-var-log-collection": "true"},
         "logging.enable-var-log-collection: not supported by the embedded cluster"),
        ({"logging.enable-request-log": "true",
          "logging.request-log-template": "{{if .Response}}x{{end}}"},
         'template: requestLog: "{{if .Response}}" is not supported by the embedded cluster'),
    ],
)  # fmt: skip
def test_what_observability_has_not_is_refused(data: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_observability(data)
    assert str(refused.value).startswith(text)


def test_observability_reaches_queue_proxies_as_json() -> None:
    config = parse_observability(
        {
            "logging.revision-url-template": "http://logs/${REVISION_UID}",
            "logging.enable-request-log": "true",
            "logging.enable-probe-request-log": "true",
            "request-metrics-protocol": "prometheus",
            "metrics-export-interval": "5s",
        }
    )
    assert config.log_url_template == "http://logs/${REVISION_UID}"
    for part in (
        '"enableRequestLog":true', '"enableProbeRequestLog":true', '"exportInterval":5000000000',
        '"requestMetrics":{"protocol":"prometheus"}', '"LoggingURLTemplate":"http://logs/',
    ):  # fmt: skip
        assert part in config.queue_json


@pytest.mark.parametrize("key", ["autoTLS", "system-internal-tls", "internal-encryption"])
def test_tls_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: the embedded cluster has no TLS"):
        parse_network({key: "true" if key == "internal-encryption" else "Enabled"})


def test_a_template_with_control_structures_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not supported by the embedded cluster"):
        parse_defaults({"container-name-template": "{{range .Labels}}{{end}}"})


def test_a_config_map_that_is_missing_means_the_defaults() -> None:
    assert read_config(DictView(), parse_autoscaler).initial_scale == 1


def test_a_config_map_that_breaks_leaves_the_settings_as_they_were() -> None:
    view = DictView([config_map("config-autoscaler", {"initial-scale": "2"})])
    assert read_config(view, parse_autoscaler).initial_scale == 2
    view.add(config_map("config-autoscaler", {"initial-scale": "0"}))
    assert read_config(view, parse_autoscaler).initial_scale == 2
    view.add(config_map("config-autoscaler", {"initial-scale": "3"}))
    assert read_config(view, parse_autoscaler).initial_scale == 3


def test_a_config_map_that_was_never_right_fails_the_sync_by_name() -> None:
    @reading_config
    def sync(view: View, _key: Key, _now: float) -> Outcome:
        read_config(view, parse_autoscaler)
        return NOTHING

    assert sync(DictView(), ("", ""), 0.0) == NOTHING
    broken = DictView([config_map("config-autoscaler", {"initial-scale": "0"})])
    failed = sync(broken, ("", ""), 0.0).failed
    assert failed.startswith("config-autoscaler: initial-scale = 0")
