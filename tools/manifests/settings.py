"""Knative's ConfigMaps: nothing is set, each carries its defaults as an `_example`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from tools.manifests.labels import IMAGES, NAMESPACE, VERSION, Object, labels

_EXAMPLES = {
    "autoscaler": """
# Every key here is an example with its default. Copy what you change to the level of "_example".
container-concurrency-target-percentage: "70"
container-concurrency-target-default: "100"
requests-per-second-target-default: "200"
target-burst-capacity: "211"
stable-window: "60s"
panic-window-percentage: "10.0"
panic-threshold-percentage: "200.0"
max-scale-up-rate: "1000.0"
max-scale-down-rate: "2.0"
enable-scale-to-zero: "true"
scale-to-zero-grace-period: "30s"
scale-to-zero-pod-retention-period: "0s"
pod-autoscaler-class: "kpa.autoscaling.knative.dev"
activator-capacity: "100.0"
initial-scale: "1"
allow-zero-initial-scale: "false"
min-scale: "0"
max-scale: "0"
max-scale-limit: "0"
scale-down-delay: "0s"
""",
    "certmanager": """
# Who signs certificates, where cert-manager and net-certmanager are installed.
issuerRef: |
  kind: ClusterIssuer
  name: knative-selfsigned-issuer
clusterLocalIssuerRef: |
  kind: ClusterIssuer
  name: knative-selfsigned-issuer
systemInternalIssuerRef: |
  kind: ClusterIssuer
  name: knative-selfsigned-issuer
""",
    "defaults": """
# What a Revision gets where its template says nothing.
revision-timeout-seconds: "300"
max-revision-timeout-seconds: "600"
revision-response-start-timeout-seconds: "300"
revision-idle-timeout-seconds: "0"
container-concurrency: "0"
container-concurrency-max-limit: "1000"
allow-container-concurrency-zero: "true"
enable-service-links: "false"
container-name-template: "user-container"
""",
    "deployment": """
# How Deployments are made for Revisions.
registries-skipping-tag-resolving: "kind.local,ko.local,dev.local"
digest-resolution-timeout: "10s"
progress-deadline: "600s"
queue-sidecar-cpu-request: "25m"
default-affinity-type: "prefer-spread-revision-over-nodes"
""",
    "domain": """
# One key for each domain; an empty value makes it the default for every Route.
example.com: ""
example.org: |
  selector:
    app: nonprofit
""",
    "features": """
# Fields of a Pod that Knative lets through: enabled, disabled or allowed.
multi-container: "enabled"
kubernetes.podspec-volumes-emptydir: "enabled"
kubernetes.podspec-nodeselector: "disabled"
tag-header-based-routing: "disabled"
secure-pod-defaults: "disabled"
""",
    "gc": """
# When Revisions that nobody routes to are deleted.
retain-since-create-time: "48h"
retain-since-last-active-time: "15h"
min-non-active-revisions: "20"
max-non-active-revisions: "1000"
""",
    "leader-election": """
lease-duration: "60s"
renew-deadline: "40s"
retry-period: "10s"
buckets: "1"
""",
    "logging": """
loglevel.controller: "info"
loglevel.autoscaler: "info"
loglevel.queueproxy: "info"
loglevel.webhook: "info"
loglevel.activator: "info"
""",
    "network": """
# How Routes become reachable.
ingress-class: "istio.ingress.networking.knative.dev"
domain-template: "{{.Name}}.{{.Namespace}}.{{.Domain}}"
tag-template: "{{.Tag}}-{{.Name}}"
rollout-duration: "0"
external-domain-tls: "Disabled"
http-protocol: "Enabled"
autocreate-cluster-domain-claims: "false"
default-external-scheme: "http"
""",
    "observability": """
metrics-protocol: "none"
request-metrics-protocol: "none"
tracing-protocol: "none"
logging.enable-request-log: "false"
runtime-profiling: "disabled"
""",
    "tracing": """
# Deprecated: nobody reads it. See config-observability.
""",
}
COMPONENT_OF = {
    "autoscaler": "autoscaler", "certmanager": "controller", "defaults": "controller",
    "deployment": "controller", "domain": "controller", "features": "controller",
    "gc": "controller", "leader-election": "controller", "logging": "logging",
    "network": "networking", "observability": "observability", "tracing": "tracing",
}  # fmt: skip
_MORE_LABELS = {"certmanager": {"networking.knative.dev/certificate-provider": "cert-manager"}}
QUEUE_PROXY_IMAGE = f"{IMAGES}/queue:v{VERSION}"


def example_checksum(example: str) -> str:
    """CRC-32 of `example` with newlines folded (knative.dev/pkg `configmap/example.go`)."""
    folded = re.sub(r"(?:\r?\n)+", r"\\n", example.strip())
    return f"{zlib.crc32(folded.encode()):08x}"


def configmaps() -> Iterator[Object]:
    """One ConfigMap for each component or subject."""
    for name, example in _EXAMPLES.items():
        text = example.strip() + "\n"
        settings = {"_example": text}
        if name == "deployment":
            settings["queue-sidecar-image"] = QUEUE_PROXY_IMAGE
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"config-{name}",
                "namespace": NAMESPACE,
                "labels": labels(COMPONENT_OF[name], **_MORE_LABELS.get(name, {})),
                "annotations": {"knative.dev/example-checksum": example_checksum(text)},
            },
            "data": settings,
        }
