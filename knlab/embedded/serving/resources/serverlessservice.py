"""What a ServerlessService owns: the private and the public Service, and the public Endpoints."""

from __future__ import annotations

from typing import Final

from knlab.embedded.kube.objects import Object, annotations_of, copy_json
from knlab.embedded.serving import keys, views
from knlab.embedded.serving.kinds import CORE_SERVICES, ENDPOINTS, typed
from knlab.embedded.serving.resources import queue_proxy
from knlab.embedded.serving.resources.metadata import child_metadata
from knlab.embedded.serving.resources.names import private_service_name

H2C_APP_PROTOCOL: Final = "kubernetes.io/h2c"
_H2C_PUBLIC_PORT: Final = 81


def service_port(protocol: str) -> int:
    """The port of a revision's public Service for requests in `protocol`."""
    return _H2C_PUBLIC_PORT if protocol == views.H2C else 80


def make_public_service(sks: Object) -> Object:
    """The Service that the ingress sends requests to; its endpoints are written by hand."""
    ports = [_http_port(sks, service_port(_protocol(sks))), _https_port()]
    name = sks["metadata"]["name"]
    return typed(
        CORE_SERVICES, {"metadata": _metadata(sks, name, "Public"), "spec": {"ports": ports}}
    )


def make_private_service(sks: Object, selector: dict[str, str]) -> Object:
    """The Service that selects the pods."""
    h2c, target = _protocol(sks) == views.H2C, _target(sks)
    ports = [
        _http_port(sks, 80),
        _https_port(),
        _port(
            queue_proxy.AUTOSCALING_METRICS,
            queue_proxy.AUTOSCALING_METRICS_PORT,
            queue_proxy.AUTOSCALING_METRICS,
        ),
        _port(queue_proxy.USER_METRICS, queue_proxy.USER_METRICS_PORT, queue_proxy.USER_METRICS),
        _port("http2-istio" if h2c else "http-istio", target, target),
    ]
    name = private_service_name(sks["metadata"]["name"])
    return typed(
        CORE_SERVICES,
        {
            "metadata": _metadata(sks, name, "Private"),
            "spec": {"ports": ports, "selector": dict(selector)},
        },
    )


def make_public_endpoints(sks: Object, source: Object | None) -> Object:
    """The Endpoints of the public Service, with the addresses of `source`."""
    endpoints: Object = {"metadata": _metadata(sks, sks["metadata"]["name"], "Public")}
    if subsets := serving_subsets(sks, source):
        endpoints["subsets"] = subsets
    return typed(ENDPOINTS, endpoints)


def serving_subsets(sks: Object, source: Object | None) -> list[Object]:
    """The subsets of `source` with only the ports that serve requests."""
    wanted = {_target(sks), queue_proxy.HTTPS_PORT}
    subsets: list[Object] = copy_json((source or {}).get("subsets") or [])
    for subset in subsets:
        subset["ports"] = [port for port in subset.get("ports") or () if port.get("port") in wanted]
    return subsets


def _protocol(sks: Object) -> str:
    return str(sks["spec"].get("protocolType") or views.HTTP1)


def _target(sks: Object) -> int:
    h2c = _protocol(sks) == views.H2C
    return queue_proxy.HTTP2_PORT if h2c else queue_proxy.HTTP_PORT


def _metadata(sks: Object, name: str, kind: str) -> Object:
    labels = keys.labels_of(sks) | {
        keys.SKS: sks["metadata"]["name"],
        keys.SERVICE_TYPE: kind,
    }
    return child_metadata(name, sks, labels=labels, annotations=annotations_of(sks))


def _http_port(sks: Object, port: int) -> Object:
    if _protocol(sks) == views.H2C:
        return _port("http2", port, _target(sks)) | {"appProtocol": H2C_APP_PROTOCOL}
    return _port("http", port, _target(sks))


def _https_port() -> Object:
    return _port("https", 443, queue_proxy.HTTPS_PORT)


def _port(name: str, port: int, target: int | str) -> Object:
    return {"name": name, "protocol": "TCP", "port": port, "targetPort": target}
