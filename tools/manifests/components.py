"""Deployments, Services, autoscalers and budgets of Knative's components."""

from __future__ import annotations

from collections.abc import Iterator

from tools.manifests.labels import IMAGES, NAMESPACE, VERSION, Object, labels

_LOCKED_DOWN = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_COMMON_PORTS = {"metrics": 9090, "profiling": 8008}
_PORTS: dict[str, dict[str, int]] = {
    "activator": {"http1": 8012, "h2c": 8013},
    "autoscaler": {"websocket": 8080},
    "controller": {"probes": 8080},
    "webhook": {"https-webhook": 8443},
}
_RESOURCES = {  # cpu and memory: requests, limits
    "activator": ("300m", "60Mi", "1000m", "600Mi"),
    "autoscaler": ("100m", "100Mi", "1000m", "1000Mi"),
    "controller": ("100m", "100Mi", "1000m", "1000Mi"),
    "webhook": ("100m", "100Mi", "500m", "500Mi"),
}
_PROBES: dict[str, Object] = {
    "activator": {"httpGet": {"port": 8012}, "periodSeconds": 5},
    "autoscaler": {"httpGet": {"port": 8080}},
    "controller": {"httpGet": {"path": "/readiness", "port": "probes"}, "periodSeconds": 5},
    "webhook": {"httpGet": {"port": 8443, "scheme": "HTTPS"}, "periodSeconds": 1},
}
_SERVICE_PORTS: dict[str, list[tuple[str, int, int]]] = {
    "activator": [("http", 80, 8012), ("http2", 81, 8013), ("https", 443, 8112)],
    "autoscaler": [("http", 8080, 8080)],
    "controller": [],
    "webhook": [("https-webhook", 443, 8443)],
}
_GRACE = {"activator": 600, "webhook": 300}


def resources(cpu: str, memory: str, cpu_limit: str, memory_limit: str) -> Object:
    """Requests and limits of a container."""
    return {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": cpu_limit, "memory": memory_limit},
    }


def container_ports(ports: dict[str, int]) -> list[Object]:
    """Container ports by name."""
    return [{"name": name, "containerPort": port} for name, port in ports.items()]


def service_ports(ports: list[tuple[str, int, int]]) -> list[Object]:
    """Service ports: name, port, target."""
    return [{"name": name, "port": port, "targetPort": target} for name, port, target in ports]


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def component(name: str) -> Iterator[Object]:
    """Deployment and Service of one component."""
    selector = {"app": name} | ({"role": name} if name == "webhook" else {})
    container = {
        "name": name,
        "image": f"{IMAGES}/{name}:v{VERSION}",
        "resources": resources(*_RESOURCES[name]),
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_IP", "status.podIP"),
            _field("SYSTEM_NAMESPACE", "metadata.namespace"),
        ],
        "securityContext": _LOCKED_DOWN,
        "ports": container_ports(_COMMON_PORTS | _PORTS[name]),
        "readinessProbe": _PROBES[name],
    }
    account = "activator" if name == "activator" else "controller"
    pod: Object = {"serviceAccountName": account, "containers": [container]}
    if name in _GRACE:
        pod["terminationGracePeriodSeconds"] = _GRACE[name]
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels(name)}
    spec: Object = {
        "selector": {"matchLabels": selector},
        "template": {"metadata": {"labels": labels(name) | selector}, "spec": pod},
    }
    if name == "autoscaler":
        spec["replicas"] = 1
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    service = "activator-service" if name == "activator" else name
    common = [("http-metrics", 9090, 9090), ("http-profiling", 8008, 8008)]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "namespace": NAMESPACE, "labels": labels(name, app=name)},
        "spec": {"selector": selector, "ports": service_ports(common + _SERVICE_PORTS[name])},
    }


def disruption(name: str, low: int, high: int) -> Iterator[Object]:
    """Autoscaler and budget of one component."""
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels(name)}
    yield horizontal_pod_autoscaler(metadata, name, low, high)
    yield disruption_budget(metadata | {"name": f"{name}-pdb"}, {"app": name})


def horizontal_pod_autoscaler(metadata: Object, deployment: str, low: int, high: int) -> Object:
    """An HPA on CPU for `deployment`."""
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 100}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "minReplicas": low,
            "maxReplicas": high,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def disruption_budget(metadata: Object, selector: dict[str, str]) -> Object:
    """A budget that keeps 80 % of the pods."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {"minAvailable": "80%", "selector": {"matchLabels": selector}},
    }
