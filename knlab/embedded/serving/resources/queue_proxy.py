"""The queue-proxy container: its ports, its probe, and the environment that configures it."""

from __future__ import annotations

import json
from typing import Any, Final

from knlab.embedded.kube.objects import Object, annotations_of, copy_json
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.config import (
    DeploymentConfig,
    FeaturesConfig,
    LoggingConfig,
    ObservabilityConfig,
)
from knlab.embedded.serving.kinds import SYSTEM_NAMESPACE
from knlab.embedded.serving.resources.queue_resources import queue_resources

NAME: Final = "queue-proxy"
HTTP_PORT: Final = 8012
HTTP2_PORT: Final = 8013
HTTPS_PORT: Final = 8112
ADMIN_PORT: Final = 8022
AUTOSCALING_METRICS_PORT: Final = 9090
USER_METRICS_PORT: Final = 9091
PROFILING_PORT: Final = 8008
AUTOSCALING_METRICS: Final = "http-autometric"
USER_METRICS: Final = "http-usermetric"

_LOGGING_COMPONENT: Final = "queueproxy"
_LOCALHOST: Final = "127.0.0.1"
_PROBE_ORDER: Final = (
    "exec", "httpGet", "tcpSocket", "grpc", "initialDelaySeconds", "timeoutSeconds",
    "periodSeconds", "successThreshold", "failureThreshold", "terminationGracePeriodSeconds",
)  # fmt: skip
_ACTION_ORDER: Final = ("path", "port", "host", "scheme", "httpHeaders", "service")
_SECURITY_CONTEXT: Final = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def serving_port(revision: Object) -> int:
    """The port on which queue-proxy takes the requests of `revision`."""
    return HTTP2_PORT if views.protocol(revision["spec"]) == views.H2C else HTTP_PORT


def make_queue_proxy(
    revision: Object,
    deployment: DeploymentConfig,
    observability: ObservabilityConfig,
    logging: LoggingConfig,
    features: FeaturesConfig,
) -> Object:
    """The queue-proxy container for the pods of `revision`."""
    port = serving_port(revision)
    container: Object = {
        "name": NAME,
        "image": deployment.queue_sidecar_image,
        "resources": queue_resources(revision, deployment, features),
        "ports": [
            {"name": AUTOSCALING_METRICS, "containerPort": AUTOSCALING_METRICS_PORT},
            {"name": USER_METRICS, "containerPort": USER_METRICS_PORT},
            {"name": "queue-port", "containerPort": port},
            {"name": "https-port", "containerPort": HTTPS_PORT},
        ],
        "securityContext": copy_json(_SECURITY_CONTEXT),
        "env": _environment(revision, deployment, observability, logging, features),
    }
    probe = views.serving_container(revision["spec"]).get("readinessProbe")
    if probe is not None:
        container["readinessProbe"] = _without_action(probe) | {
            "httpGet": {
                "port": port,
                "httpHeaders": [{"name": "K-Network-Probe", "value": "queue"}],
            }
        }
    return container


def _without_action(probe: Object) -> Object:
    return {
        key: value
        for key, value in probe.items()
        if key not in {"exec", "httpGet", "tcpSocket", "grpc"}
    }


def _environment(
    revision: Object,
    deployment: DeploymentConfig,
    observability: ObservabilityConfig,
    logging: LoggingConfig,
    features: FeaturesConfig,
) -> list[Object]:
    metadata, spec = revision["metadata"], revision["spec"]
    duplex = annotations_of(revision).get(keys.HTTP_FULL_DUPLEX, "").lower() == "enabled"
    least, most, suites, curves = deployment.queue_tls
    values: dict[str, Any] = {
        "SERVING_NAMESPACE": metadata["namespace"],
        "SERVING_SERVICE": keys.labels_of(revision).get(keys.SERVICE, ""),
        "SERVING_CONFIGURATION": views.configuration_of(revision),
        "SERVING_REVISION": metadata["name"],
        "QUEUE_SERVING_PORT": serving_port(revision),
        "QUEUE_SERVING_TLS_PORT": HTTPS_PORT,
        "CONTAINER_CONCURRENCY": spec.get("containerConcurrency") or 0,
        "REVISION_TIMEOUT_SECONDS": spec.get("timeoutSeconds") or 0,
        "REVISION_RESPONSE_START_TIMEOUT_SECONDS": spec.get("responseStartTimeoutSeconds") or 0,
        "REVISION_IDLE_TIMEOUT_SECONDS": spec.get("idleTimeoutSeconds") or 0,
        "SERVING_POD": {"fieldPath": "metadata.name"},
        "SERVING_POD_IP": {"fieldPath": "status.podIP"},
        "SERVING_LOGGING_CONFIG": logging.logger,
        "SERVING_LOGGING_LEVEL": logging.levels.get(_LOGGING_COMPONENT, ""),
        "USER_PORT": views.user_port(spec),
        "SYSTEM_NAMESPACE": SYSTEM_NAMESPACE,
        "SERVING_READINESS_PROBE": readiness_probe_json(spec, features),
        "HOST_IP": {"apiVersion": "v1", "fieldPath": "status.hostIP"},
        "ENABLE_HTTP2_AUTO_DETECTION": features.enabled("autodetect-http2"),
        "ENABLE_HTTP_FULL_DUPLEX": duplex,
        "ROOT_CA": deployment.queue_sidecar_rootca,
        "QUEUE_PROXY_TLS_MIN_VERSION": least,
        "QUEUE_PROXY_TLS_MAX_VERSION": most,
        "QUEUE_PROXY_TLS_CIPHER_SUITES": suites,
        "QUEUE_PROXY_TLS_CURVE_PREFERENCES": curves,
        "ENABLE_MULTI_CONTAINER_PROBES": features.enabled("multi-container-probing"),
        "OBSERVABILITY_CONFIG": observability.queue_json,
    }
    return [_variable(name, value) for name, value in values.items()]


def _variable(name: str, value: Any) -> Object:
    if isinstance(value, dict):
        return {"name": name, "valueFrom": {"fieldRef": value}}
    if value == "":
        return {"name": name}
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"name": name, "value": text}


def readiness_probe_json(spec: Object, features: FeaturesConfig) -> str:
    """The probes that queue-proxy runs for a revision spec, as the JSON of its environment."""
    container = views.serving_container(spec)
    probe = container.get("readinessProbe")
    found = [] if probe is None else [_local_probe(probe, views.user_port(spec))]
    if not features.enabled("multi-container-probing"):
        return _compact(found[0]) if found else ""
    for sidecar in spec.get("containers") or ():
        own = sidecar.get("readinessProbe")
        if sidecar is not container and own is not None and "exec" not in own:
            found.append(_local_probe(own, 0))
    return _compact(found) if found else ""


def _local_probe(probe: Object, user_port: int) -> Object:
    local: Object = copy_json(probe)
    for kind in ("httpGet", "tcpSocket", "grpc"):
        action = local.get(kind)
        if action is None:
            continue
        own = action.get("port")
        action["port"] = own if isinstance(own, int) and own else user_port
        if kind != "grpc":
            action["host"] = _LOCALHOST
        if kind == "httpGet" and not action.get("scheme"):
            action["scheme"] = "HTTP"
        local[kind] = _ordered(action, _ACTION_ORDER)
    if local.pop("exec", None) is not None:
        local["tcpSocket"] = {"port": user_port, "host": _LOCALHOST}
    if local.get("periodSeconds", 0) > 0 and local.get("timeoutSeconds", 0) < 1:
        local["timeoutSeconds"] = 1
    return _ordered(local, _PROBE_ORDER)


def _ordered(values: Object, order: tuple[str, ...]) -> Object:
    return {key: values[key] for key in order if key in values}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
