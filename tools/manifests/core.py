"""Everything of Knative Serving besides its CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator

from tools.manifests.components import component, disruption
from tools.manifests.labels import NAMESPACE, Object, labels
from tools.manifests.rbac import permissions
from tools.manifests.settings import COMPONENT_OF, QUEUE_PROXY_IMAGE, configmaps


def core() -> Iterator[Object]:
    """All objects in the order in which they must be applied."""
    metadata = {"name": NAMESPACE, "labels": labels()}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    yield from permissions()
    yield from configmaps()
    yield _queue_proxy()
    yield _certificate()
    for name in ("activator", "autoscaler", "controller", "webhook"):
        yield from component(name)
    yield from disruption("activator", 1, 20)
    yield from disruption("webhook", 1, 5)
    yield from _webhooks()


def _queue_proxy() -> Object:
    """Asks nodes to keep the sidecar's image."""
    return {
        "apiVersion": "caching.internal.knative.dev/v1alpha1",
        "kind": "Image",
        "metadata": {
            "name": "queue-proxy",
            "namespace": NAMESPACE,
            "labels": labels("queue-proxy"),
        },
        "spec": {"image": QUEUE_PROXY_IMAGE},
    }


def _certificate() -> Object:
    """What components would show each other with `system-internal-tls`."""
    name = "routing-serving-certs"
    networking = "networking.knative.dev"
    certificate_class = f"cert-manager.certificate.{networking}"
    return {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "Certificate",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {f"{networking}/certificate.class": certificate_class},
            "labels": {f"{networking}/certificate-type": "system-internal"},
        },
        "spec": {"dnsNames": ["kn-routing", "data-plane.knative.dev"], "secretName": name},
    }


_ADMITTED = [
    "metrics", "podautoscalers", "certificates", "ingresses", "serverlessservices",
    "configurations", "revisions", "routes", "services", "domainmappings", "domainmappings/status",
]  # fmt: skip


def _webhooks() -> Iterator[Object]:
    metadata = {"name": "webhook-certs", "namespace": NAMESPACE, "labels": labels("webhook")}
    yield {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
    knative = {
        "apiGroups": [
            "autoscaling.internal.knative.dev",
            "networking.internal.knative.dev",
            "serving.knative.dev",
        ],
        "apiVersions": ["*"],
        "resources": _ADMITTED,
        "scope": "*",
    }
    write = ["CREATE", "UPDATE"]
    yield _webhook(
        "Mutating", "webhook", "/defaulting", {"rules": [knative | {"operations": write}]}
    )
    yield _webhook(
        "Validating",
        "validation.webhook",
        "/resource-validation",
        {"rules": [knative | {"operations": [*write, "DELETE"]}]},
    )
    components = sorted({*COMPONENT_OF.values(), "net-certmanager"})
    configmaps = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["configmaps"],
        "scope": "*",
        "operations": write,
    }
    selector = [
        {"key": "app.kubernetes.io/name", "operator": "In", "values": [NAMESPACE]},
        {"key": "app.kubernetes.io/component", "operator": "In", "values": components},
    ]
    yield _webhook(
        "Validating",
        "config.webhook",
        "/config-validation",
        {"rules": [configmaps], "objectSelector": {"matchExpressions": selector}},
    )


def _webhook(kind: str, prefix: str, path: str, what: Object) -> Object:
    name = f"{prefix}.serving.knative.dev"
    service = {"name": "webhook", "namespace": NAMESPACE, "path": path}
    webhook = {
        "name": name,
        "admissionReviewVersions": ["v1", "v1beta1"],
        "clientConfig": {"service": service},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        **what,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name, "labels": labels("webhook")},
        "webhooks": [webhook],
    }
