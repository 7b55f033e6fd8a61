"""Objects of net-kourier: the ingress controller and its gateway."""

from __future__ import annotations

from collections.abc import Iterator

from tools.manifests.components import (
    container_ports,
    disruption_budget,
    horizontal_pod_autoscaler,
    resources,
    service_ports,
)
from tools.manifests.labels import IMAGES, NAMESPACE, VERSION, Object, labels
from tools.manifests.rbac import binding, cluster_role, rule

GATEWAY_NAMESPACE = "kourier-system"
GATEWAY = "3scale-kourier-gateway"
_PROVIDER = {"networking.knative.dev/ingress-provider": "kourier"}
_LABELS = labels("net-kourier") | _PROVIDER
_READ = ["get", "list", "watch"]
_GATEWAY_PORTS = {
    "http2-external": 8080, "http2-internal": 8081, "https-external": 8443,
    "http-probe": 8090, "https-probe": 9443, "metrics": 9000,
}  # fmt: skip


def kourier() -> Iterator[Object]:
    """All objects in the order in which they must be applied."""
    yield {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": GATEWAY_NAMESPACE, "labels": _LABELS},
    }
    yield _configmap("config-kourier", NAMESPACE, {"_example": _EXAMPLE})
    yield _configmap("kourier-bootstrap", GATEWAY_NAMESPACE, {"envoy-bootstrap.yaml": _BOOTSTRAP})
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata("net-kourier", NAMESPACE),
    }
    yield cluster_role("net-kourier", _rules(), **_PROVIDER)
    yield binding("net-kourier", "net-kourier", "net-kourier")
    yield from _controller()
    yield from _gateway()


_EXAMPLE = """\
# Settings of the gateway, each with its default.
enable-service-access-logging: "true"
enable-proxy-protocol: "false"
stream-idle-timeout: "0s"
trusted-hops-count: "0"
"""


_BOOTSTRAP = "# Envoy's bootstrap stands here; knlab's own gateway needs none.\n"


def _metadata(name: str, namespace: str) -> Object:
    return {"name": name, "namespace": namespace, "labels": _LABELS}


def _configmap(name: str, namespace: str, entries: dict[str, str]) -> Object:
    metadata = _metadata(name, namespace)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": entries}


def _rules() -> list[Object]:
    networking = "networking.internal.knative.dev"
    return [
        rule("core", "events", ["create", "update", "patch"]),
        rule("core", "pods services secrets configmaps", _READ),
        rule("discovery.k8s.io", "endpointslices", _READ),
        rule("coordination.k8s.io", "leases", [*_READ, "create", "update", "delete", "patch"]),
        rule(networking, "ingresses", [*_READ, "patch"]),
        rule(networking, "ingresses/status", ["update"]),
    ]


def _deployment(name: str, namespace: str, pod: Object) -> Object:
    selector = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, namespace),
        "spec": {
            "replicas": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "100%"},
            },
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": pod},
        },
    }


def _service(name: str, namespace: str, spec: Object) -> Object:
    metadata = _metadata(name, namespace)
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _controller() -> Iterator[Object]:
    name = "net-kourier-controller"
    container = {
        "name": "controller",
        "image": f"{IMAGES}/net-kourier:v{VERSION}",
        "env": [{"name": "KOURIER_GATEWAY_NAMESPACE", "value": GATEWAY_NAMESPACE}],
        "ports": container_ports({"http2-xds": 18000, "metrics": 9090}),
        "readinessProbe": {"tcpSocket": {"port": 18000}},
        "resources": resources("200m", "200Mi", "1", "500Mi"),
    }
    pod = {"serviceAccountName": "net-kourier", "containers": [container]}
    yield _deployment(name, NAMESPACE, pod)
    ports = service_ports([("grpc-xds", 18000, 18000), ("http-metrics", 9090, 9090)])
    yield _service(name, NAMESPACE, {"selector": {"app": name}, "ports": ports})


def _gateway() -> Iterator[Object]:
    container = {
        "name": "kourier-gateway",
        "image": f"{IMAGES}/kourier-gateway:v{VERSION}",
        "ports": container_ports(_GATEWAY_PORTS),
        "readinessProbe": {
            "httpGet": {
                "path": "/ready",
                "port": 8081,
                "httpHeaders": [{"name": "Host", "value": "internalkourier"}],
            },
            "periodSeconds": 5,
            "timeoutSeconds": 3,
        },
        "resources": resources("200m", "200Mi", "1", "800Mi"),
    }
    yield _deployment(GATEWAY, GATEWAY_NAMESPACE, {"containers": [container]})
    selector = {"app": GATEWAY}
    outside = service_ports([("http2", 80, 8080), ("https", 443, 8443)])
    yield _service(
        "kourier",
        GATEWAY_NAMESPACE,
        {"type": "LoadBalancer", "selector": selector, "ports": outside},
    )
    inside = service_ports([("http2", 80, 8081), ("https", 443, 8444)])
    yield _service(
        "kourier-internal",
        GATEWAY_NAMESPACE,
        {"type": "ClusterIP", "selector": selector, "ports": inside},
    )
    metadata = _metadata(GATEWAY, GATEWAY_NAMESPACE)
    yield horizontal_pod_autoscaler(metadata, GATEWAY, 1, 10)
    yield disruption_budget(_metadata(f"{GATEWAY}-pdb", GATEWAY_NAMESPACE), selector)
