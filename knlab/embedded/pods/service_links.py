"""The variables that tell a container of Services, as Docker's links once did: pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knlab.embedded.kube.objects import Object

API: Final = ("default", "kubernetes")
"""The Service of the API server."""


def service_variables(pod: Object, services: Iterable[Object]) -> dict[str, str]:
    """What containers of `pod` hear of `services`: those of its namespace, and always of the API.

    A pod with `enableServiceLinks: false` hears of the API alone.
    """
    namespace = pod["metadata"].get("namespace", "")
    all_of_them = hears_of_all(pod)
    found: dict[str, str] = {}
    for service in services:
        metadata, ip = service["metadata"], service["spec"].get("clusterIP")
        key = (metadata.get("namespace", ""), metadata["name"])
        if ip in {None, "", "None"} or not service["spec"].get("ports"):
            continue
        if key == API or (all_of_them and key[0] == namespace):
            found |= _of_service(metadata["name"], ip, service["spec"]["ports"])
    return found


def hears_of_all(pod: Object) -> bool:
    """Whether containers of `pod` hear of more Services than that of the API."""
    return bool(pod["spec"].get("enableServiceLinks", True))


def _of_service(name: str, ip: str, ports: list[Object]) -> dict[str, str]:
    prefix = _variable(name)
    first = ports[0]
    found = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(first["port"])}
    for port in ports:
        if port.get("name"):
            found[f"{prefix}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
    found[f"{prefix}_PORT"] = _url(ip, first)
    for port in ports:
        protocol = port.get("protocol", "TCP")
        own = f"{prefix}_PORT_{port['port']}_{protocol}"
        found |= {
            own: _url(ip, port),
            f"{own}_PROTO": protocol.lower(),
            f"{own}_PORT": str(port["port"]),
            f"{own}_ADDR": ip,
        }
    return found


def _url(ip: str, port: Object) -> str:
    return f"{port.get('protocol', 'TCP').lower()}://{ip}:{port['port']}"


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
