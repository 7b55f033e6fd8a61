"""ConfigMaps: defaults, legacy keys, and every refusal with Knative's text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.serving.config import (
    ConfigError,
    parse_autoscaler,
    parse_defaults,
    parse_deployment,
    parse_domains,
    parse_features,
    parse_gc,
    parse_network,
    parse_observability,
)

IMAGE = {"queue-sidecar-image": "q"}


def test_what_is_empty_has_knatives_defaults() -> None:
    autoscaler = parse_autoscaler({})
    assert autoscaler.target_burst_capacity == 211
    assert autoscaler.stable_window == 60
    assert autoscaler.container_concurrency_target_fraction == 0.7
    assert parse_network({}).ingress_class == "istio.ingress.networking.knative.dev"
    assert parse_deployment(IMAGE).progress_deadline == 600
    assert parse_gc({}).retain_since_create_time == 48 * 3600
    assert parse_defaults({}).revision_timeout_seconds == 300
    assert parse_domains({"_example": "x"}).lookup({}) == "svc.cluster.local"


@pytest.mark.parametrize("text", ["70", "0.7"])
def test_a_percentage_may_be_a_fraction(text: str) -> None:
    config = parse_autoscaler({"container-concurrency-target-percentage": text})
    assert config.container_concurrency_target_fraction == pytest.approx(0.7)


def test_new_keys_win_over_legacy_ones() -> None:
    assert parse_network({"ingress.class": "a"}).ingress_class == "a"
    assert parse_network({"ingress.class": "a", "ingress-class": "b"}).ingress_class == "b"
    assert parse_deployment({"queueSidecarImage": "old"}).queue_sidecar_image == "old"


def test_unknown_keys_and_feature_values_are_ignored() -> None:
    assert parse_autoscaler({"nonsense": "x"}) == parse_autoscaler({})
    flags = parse_features({"multi-container": "nonsense", "autodetect-http2": "ENABLED"})
    assert flags.enabled("multi-container")
    assert flags.enabled("autodetect-http2")
    assert not flags.allows("kubernetes.podspec-nodeselector")
    assert parse_features({"secure-pod-defaults": "allowrootbounded"}).secure_pod_defaults


Parse = Callable[[dict[str, str]], Any]
FROM_AUTOSCALER: list[tuple[dict[str, str], str]] = [
    ({"stable-window": "1s"}, "stable-window = 1s, must be in [6s; 1h0m0s] range"),
    ({"stable-window": "6500ms"},
     "stable-window = 6.5s, must be specified with at most second precision"),
    ({"stable-window": "x"},
     'failed to parse data: failed to parse "stable-window": time: invalid duration "x"'),
    ({"max-scale-up-rate": "1"}, "max-scale-up-rate = 1, must be greater than 1.0"),
    ({"target-burst-capacity": "-2"},
     "target-burst-capacity must be either non-negative or -1 (for unlimited), was: -2.000000"),
    ({"container-concurrency-target-percentage": "0"},
     "container-concurrency-target-percentage = 0.000000 is outside of valid range of (0, 100]"),
    ({"container-concurrency-target-default": "0.001"},
     ("container-concurrency-target-percentage and container-concurrency-target-default yield"
     " target concurrency of 0.0007, can't be less than 0.01")),
    ({"requests-per-second-target-default": "0"},
     "requests-per-second-target-default must be at least 0.01, was: 0"),
    ({"panic-window-percentage": "0"}, "panic-window-percentage = 0, must be in [1, 100] interval"),
    ({"scale-to-zero-grace-period": "0"}, "scale-to-zero-grace-period must be positive, was: 0s"),
    ({"scale-down-delay": "-1s"}, "scale-down-delay cannot be negative, was: -1s"),
    ({"scale-to-zero-pod-retention-period": "-1s"},
     "scale-to-zero-pod-retention-period cannot be negative, was: -1s"),
    ({"activator-capacity": "0"}, "activator-capacity = 0, must be at least 1"),
    ({"initial-scale": "0"},
     ("initial-scale = 0, must be at least 0 (or at least 1 when allow-zero-initial-scale is"
     " false)")),
    ({"min-scale": "-1"}, "min-scale = -1, must be at least 0"),
    ({"min-scale": "5", "max-scale": "2"}, "min-scale (5) must be less than max-scale (2)"),
    ({"max-scale-limit": "10"}, "max-scale = 0, must be in [1, max-scale-limit(10)] range"),
    ({"max-scale-limit": "-1"}, "max-scale-limit = -1, must be at least 0"),
    ({"initial-scale": "x"},
     ('failed to parse data: failed to parse "initial-scale": strconv.ParseInt: parsing "x":'
     " invalid syntax")),
]  # fmt: skip
FROM_OTHERS: list[tuple[Parse, dict[str, str], str]] = [
    (parse_deployment, {}, "queue-sidecar-image cannot be empty or unset"),
    (parse_deployment, IMAGE | {"progress-deadline": "0s"},
     "progress-deadline cannot be a non-positive duration, was 0s"),
    (parse_deployment, IMAGE | {"progress-deadline": "1ms"},
     "progress-deadline must be rounded to a whole second, was: 1ms"),
    (parse_deployment, IMAGE | {"digest-resolution-timeout": "-1s"},
     "digest-resolution-timeout cannot be a non-positive duration, was -1s"),
    (parse_deployment, IMAGE | {"default-affinity-type": "x"},
     'unsupported default-affinity-type value: "x"'),
    (parse_network, {"rollout-duration": "-1"},
     "rollout-duration must be a positive integer, but was -1"),
    (parse_network, {"http-protocol": "x"},
     "httpProtocol x in config-network ConfigMap is not supported"),
    (parse_network, {"cluster-local-domain-tls": "x"},
     'cluster-local-domain-tls with value: "x" in config-network ConfigMap is not supported'),
    (parse_network, {"domain-template": "{{.Name}}/x"}, "domain template has url path: /x"),
    (parse_network, {"external-domain-tls": "Enabled"},
     "external-domain-tls: the embedded cluster has no TLS and no certificates"),
    (parse_defaults, {"revision-timeout-seconds": "700"},
     "revision-timeout-seconds (700) cannot be greater than max-revision-timeout-seconds (600)"),
    (parse_defaults, {"revision-idle-timeout-seconds": "301"},
     "revision-idle-timeout-seconds (301) cannot be greater than revision-timeout-seconds (300)"),
    (parse_defaults, {"container-concurrency-max-limit": "0"},
     "expected 1 <= 0 <= 2147483647: container-concurrency-max-limit"),
    (parse_defaults, {"container-concurrency": "2000"},
     "expected 0 <= 2000 <= 1000: container-concurrency"),
    (parse_defaults, {"revision-cpu-request": "x"},
     ('failed to parse "revision-cpu-request": quantities must match the regular expression'
     " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")),
    (parse_gc, {"min-non-active-revisions": "-1"},
     "min-non-active-revisions must be non-negative, was: -1"),
    (parse_gc, {"max-non-active-revisions": "10"},
     "min-non-active-revisions(20) must be <= max-non-active-revisions(10)"),
    (parse_gc, {"retain-since-create-time": "-1s"},
     "failed to parse retain-since-create-time: must be non-negative"),
    (parse_observability, {"metrics-protocol": "grpc"},
     'endpoint should be set when protocol is "grpc"'),
    (parse_observability, {"metrics-endpoint": "x"},
     'endpoint should not be set when protocol is "none"'),
    (parse_observability, {"tracing-protocol": "x"}, 'unsupported protocol "x"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "values", "text"),
    [*((parse_autoscaler, values, text) for values, text in FROM_AUTOSCALER), *FROM_OTHERS],
)
def test_refusals(parse: Parse, values: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(values)
    assert str(refused.value) == text


def test_disabled_switches_a_rule_off() -> None:
    config = parse_gc(
        {"retain-since-create-time": "disabled", "max-non-active-revisions": "Disabled"}
    )
    assert config.retain_since_create_time is None
    assert config.max_non_active_revisions is None
