"""The Deployment of a Revision, setting by setting."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config import (
    parse_autoscaler,
    parse_defaults,
    parse_deployment,
    parse_features,
    parse_logging,
    parse_observability,
)
from knlab.embedded.serving.resources.deployment import (
    RevisionConfig,
    make_deployment,
    progress_deadline,
)
from tests.factories import make

POD_INFO = "features.knative.dev/queueproxy-podinfo"
TOKENS = "queue-sidecar-token-audiences"


def config(**maps: dict[str, str]) -> RevisionConfig:
    return RevisionConfig(
        deployment=parse_deployment({"queue-sidecar-image": "q"} | maps.get("deployment", {})),
        autoscaler=parse_autoscaler({}),
        defaults=parse_defaults(maps.get("defaults", {})),
        features=parse_features(maps.get("features", {})),
        observability=parse_observability({}),
        logging=parse_logging(maps.get("logging", {})),
    )


def revision(*containers: Object, **metadata: Any) -> Object:
    spec = metadata.pop("spec", {})
    found = [{"name": "c", "image": "i"} | each for each in containers or ({},)]
    return make("serving.knative.dev/v1", "Revision", "r", "ns",
                metadata=metadata, spec={"containers": found} | spec)  # fmt: skip


def pod(made: Object, **maps: dict[str, str]) -> Any:
    return make_deployment(made, config(**maps))["spec"]["template"]["spec"]


def queue_proxy(spec: Any) -> Any:
    return next(item for item in spec["containers"] if item["name"] == "queue-proxy")


def environment(container: Any) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in container["env"]}


@pytest.mark.parametrize(
    ("flag", "annotations", "mounted"),
    [
        pytest.param("enabled", {}, True, id="enabled"),
        pytest.param("allowed", {}, False, id="allowed and not wished for"),
        pytest.param("allowed", {POD_INFO: "Enabled"}, True, id="allowed and wished for"),
        pytest.param("disabled", {POD_INFO: "enabled"}, False, id="disabled"),
    ],
)
def test_pod_info(flag: str, annotations: dict[str, str], *, mounted: bool) -> None:
    spec = pod(revision(annotations=annotations), features={"queueproxy.mount-podinfo": flag})
    item = {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}
    volumes = [{"name": "pod-info", "downwardAPI": {"items": [item]}}]
    mounts = [{"name": "pod-info", "mountPath": "/etc/podinfo", "readOnly": True}]
    assert spec.get("volumes") == (volumes if mounted else None)
    assert queue_proxy(spec).get("volumeMounts") == (mounts if mounted else None)


def test_tokens_for_audiences() -> None:
    made = revision(spec={"volumes": [{"name": "own", "emptyDir": {}}]})
    spec = pod(made, deployment={TOKENS: "b, a,"})
    tokens = [
        {"serviceAccountToken": {"expirationSeconds": 3600, "path": name, "audience": name}}
        for name in ("a", "b")
    ]
    assert spec["volumes"][1:] == [
        {"name": "knative-token-volume", "projected": {"sources": tokens}}
    ]
    assert queue_proxy(spec)["volumeMounts"] == [
        {"name": "knative-token-volume", "mountPath": "/var/run/secrets/tokens"}
    ]
    assert made["spec"]["volumes"] == [{"name": "own", "emptyDir": {}}]


def test_logging_settings_reach_queue_proxies() -> None:
    logging = {"zap-logger-config": "{}", "loglevel.queueproxy": "WARNING"}
    found = environment(queue_proxy(pod(revision(), logging=logging)))
    assert found["SERVING_LOGGING_CONFIG"] == "{}"
    assert found["SERVING_LOGGING_LEVEL"] == "warn"


def test_runtime_classes() -> None:
    classes = {"runtime-class-name": "kata: {}"}
    assert pod(revision(), deployment=classes)["runtimeClassName"] == "kata"
    own = revision(spec={"runtimeClassName": "gvisor"})
    assert pod(own, deployment=classes)["runtimeClassName"] == "gvisor"


def test_pods_spread_unless_told_otherwise() -> None:
    assert "podAntiAffinity" in pod(revision())["affinity"]
    assert "affinity" not in pod(revision(), deployment={"default-affinity-type": "none"})
    assert pod(revision(spec={"affinity": {}}))["affinity"] == {}


def test_service_links_and_deadlines() -> None:
    assert pod(revision())["enableServiceLinks"] is False
    default = {"enable-service-links": "default"}
    assert "enableServiceLinks" not in pod(revision(), defaults=default)
    own = revision(annotations={"serving.knative.dev/progress-deadline": "30s"})
    assert progress_deadline(own, config().deployment) == 30
    assert pod(revision(spec={"timeoutSeconds": 5}))["terminationGracePeriodSeconds"] == 5


LIVE = {"livenessProbe": {"httpGet": {"path": "/", "port": 99}}}


@pytest.mark.parametrize(("probing", "port"), [("disabled", 8080), ("enabled", 99)])
def test_liveness_probes_ask_the_users_port(probing: str, port: int) -> None:
    spec = pod(revision(LIVE), features={"multi-container-probing": probing})
    assert spec["containers"][0]["livenessProbe"]["httpGet"]["port"] == port


def test_digests_replace_tags() -> None:
    made = revision({}, {"name": "d", "ports": [{"containerPort": 80}]})
    statuses = [{"name": "c", "imageDigest": "i@sha256:1"}, {"name": "d"}]
    made["status"] = {"containerStatuses": statuses}
    assert [item["image"] for item in pod(made)["containers"]] == ["i@sha256:1", "i", "q"]


@pytest.mark.parametrize(
    ("probe", "expected"),
    [
        pytest.param({"httpGet": {"path": "/x", "port": 0}, "periodSeconds": 3},
                     {"httpGet": {"path": "/x", "port": 8080, "host": "127.0.0.1",
                                  "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 3},
                     id="http"),
        pytest.param({"grpc": {"port": 7, "service": "s"}}, {"grpc": {"port": 7, "service": "s"}},
                     id="gRPC"),
        pytest.param({"exec": {"command": ["a"]}},
                     {"tcpSocket": {"port": 8080, "host": "127.0.0.1"}}, id="a command"),
    ],
)  # fmt: skip
def test_queue_proxies_are_told_the_users_probe(probe: Object, expected: Object) -> None:
    spec = pod(revision({"readinessProbe": probe}))
    assert json.loads(environment(queue_proxy(spec))["SERVING_READINESS_PROBE"]) == expected
    assert ("readinessProbe" in spec["containers"][0]) == ("exec" in probe)


def test_probes_of_sidecars_are_told_where_that_is_on() -> None:
    serving = {"ports": [{"containerPort": 80}], "readinessProbe": {"tcpSocket": {"port": 0}}}
    beside = {"name": "d", "readinessProbe": {"tcpSocket": {"port": 9}}}
    shell = {"name": "e", "readinessProbe": {"exec": {"command": ["a"]}}}
    made = revision(serving, beside, shell)
    on = pod(made, features={"multi-container-probing": "enabled"})
    told = json.loads(environment(queue_proxy(on))["SERVING_READINESS_PROBE"])
    assert [probe["tcpSocket"]["port"] for probe in told] == [80, 9]
    assert queue_proxy(on)["readinessProbe"]["httpGet"]["port"] == 8012


def test_without_a_probe_nothing_is_told() -> None:
    spec = pod(revision())
    assert environment(queue_proxy(spec))["SERVING_READINESS_PROBE"] == ""
    assert "readinessProbe" not in queue_proxy(spec)
