"""The manifests that ship: up to date, and with the kinds, names and labels of release 1.23."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from knlab import versions
from knlab.cluster.install import read_manifests
from tools import build_manifests

MANIFESTS = read_manifests(None)
EVERYTHING = [obj for objects in MANIFESTS.values() for obj in objects]


def _find(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    for obj in EVERYTHING:
        metadata = obj["metadata"]
        if (obj["kind"], metadata["name"]) == (kind, name):
            if namespace is not None:
                assert metadata["namespace"] == namespace
            return obj
    raise AssertionError(f"no {kind} {name}")


def test_the_files_are_what_the_program_writes() -> None:
    assert build_manifests.main(["--check"]) == 0


def test_nothing_is_there_twice() -> None:
    keys = Counter(
        (obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        for obj in EVERYTHING
    )
    assert max(keys.values()) == 1


def test_the_definitions_are_those_of_knative() -> None:
    names = {obj["metadata"]["name"] for obj in MANIFESTS["serving-crds.yaml"]}
    assert names == {
        "certificates.networking.internal.knative.dev",
        "clusterdomainclaims.networking.internal.knative.dev",
        "configurations.serving.knative.dev",
        "domainmappings.serving.knative.dev",
        "images.caching.internal.knative.dev",
        "ingresses.networking.internal.knative.dev",
        "metrics.autoscaling.internal.knative.dev",
        "podautoscalers.autoscaling.internal.knative.dev",
        "revisions.serving.knative.dev",
        "routes.serving.knative.dev",
        "serverlessservices.networking.internal.knative.dev",
        "services.serving.knative.dev",
    }


@pytest.mark.parametrize(
    ("name", "namespace", "ports"),
    [
        ("activator", "knative-serving", {9090, 8008, 8012, 8013}),
        ("autoscaler", "knative-serving", {9090, 8008, 8080}),
        ("controller", "knative-serving", {9090, 8008, 8080}),
        ("webhook", "knative-serving", {9090, 8008, 8443}),
        ("net-kourier-controller", "knative-serving", {18000, 9090}),
        ("3scale-kourier-gateway", "kourier-system", {8080, 8081, 8443, 8090, 9443, 9000}),
    ],
)
def test_deployments(name: str, namespace: str, ports: set[int]) -> None:
    template = _find("Deployment", name, namespace)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert {port["containerPort"] for port in container["ports"]} == ports
    assert template["metadata"]["labels"]["app"] == name
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize(
    ("name", "namespace", "ports"),
    [
        ("activator-service", "knative-serving",
         {(9090, 9090), (8008, 8008), (80, 8012), (81, 8013), (443, 8112)}),
        ("autoscaler", "knative-serving", {(9090, 9090), (8008, 8008), (8080, 8080)}),
        ("controller", "knative-serving", {(9090, 9090), (8008, 8008)}),
        ("webhook", "knative-serving", {(9090, 9090), (8008, 8008), (443, 8443)}),
        ("kourier", "kourier-system", {(80, 8080), (443, 8443)}),
        ("kourier-internal", "kourier-system", {(80, 8081), (443, 8444)}),
    ],
)  # fmt: skip
def test_services(name: str, namespace: str, ports: set[tuple[int, int]]) -> None:
    spec = _find("Service", name, namespace)["spec"]
    targets = {"https-webhook": 8443, "http": 8080, "metrics": 9090, "profiling": 8008}
    found = {
        (port["port"], targets.get(to := port.get("targetPort", port["port"]), to))
        for port in spec["ports"]
    }
    assert found == ports
    assert (spec.get("type") == "LoadBalancer") is (name == "kourier")


def test_config_maps_are_those_of_release_1_23() -> None:
    names = {obj["metadata"]["name"] for obj in EVERYTHING if obj["kind"] == "ConfigMap"}
    assert {
        "config-autoscaler", "config-certmanager", "config-defaults", "config-deployment",
        "config-domain", "config-features", "config-gc", "config-leader-election",
        "config-logging", "config-network", "config-observability", "config-tracing",
        "config-kourier", "kourier-bootstrap",
    } == names  # fmt: skip


def test_the_sidecars_image_is_kept_and_named_alike() -> None:
    sidecar = _find("ConfigMap", "config-deployment")["data"]["queue-sidecar-image"]
    assert _find("Image", "queue-proxy", "knative-serving")["spec"]["image"] == sidecar


def test_the_certificate_of_internal_tls_is_as_released() -> None:
    certificate = _find("Certificate", "routing-serving-certs", "knative-serving")
    assert certificate["spec"] == {
        "dnsNames": ["kn-routing", "data-plane.knative.dev"],
        "secretName": "routing-serving-certs",
    }
    assert certificate["metadata"]["labels"] == {
        "networking.knative.dev/certificate-type": "system-internal"
    }


def test_autoscalers_and_budgets() -> None:
    bounds = {
        obj["metadata"]["name"]: (obj["spec"]["minReplicas"], obj["spec"]["maxReplicas"])
        for obj in EVERYTHING
        if obj["kind"] == "HorizontalPodAutoscaler"
    }
    assert bounds == {"activator": (1, 20), "webhook": (1, 5), "3scale-kourier-gateway": (1, 10)}
    for name in ("activator-pdb", "webhook-pdb"):
        assert _find("PodDisruptionBudget", name)["spec"]["minAvailable"] == "80%"


def test_webhooks_are_backed_by_the_webhooks_service() -> None:
    names = [
        ("MutatingWebhookConfiguration", "webhook.serving.knative.dev"),
        ("ValidatingWebhookConfiguration", "validation.webhook.serving.knative.dev"),
        ("ValidatingWebhookConfiguration", "config.webhook.serving.knative.dev"),
    ]
    for kind, name in names:
        for hook in _find(kind, name)["webhooks"]:
            service = hook["clientConfig"]["service"]
            assert (service["namespace"], service["name"]) == ("knative-serving", "webhook")
            assert hook["failurePolicy"] == "Fail"


@pytest.mark.parametrize(
    "obj",
    [obj for obj in EVERYTHING if obj["kind"] != "Certificate"],
    ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}",
)
def test_every_object_says_what_it_belongs_to(obj: dict[str, Any]) -> None:
    labels = obj["metadata"].get("labels", {})
    assert labels["app.kubernetes.io/name"] == "knative-serving"
    assert labels["app.kubernetes.io/version"] == versions.KNATIVE
