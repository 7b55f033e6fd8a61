"""What is refused in Services, Endpoints and EndpointSlices."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

from knlab.embedded.builtin.service_addresses import (
    CLUSTER_NETWORK,
    NODE_PORTS,
    Holders,
    Taken,
)
from knlab.embedded.builtin.validation.causes import (
    duplicate,
    forbidden,
    immutable,
    invalid,
    one_of,
    required,
)
from knlab.embedded.builtin.validation.names import label_causes
from knlab.embedded.builtin.validation.pods import PROTOCOLS, port_causes
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import label_errors, subdomain_errors
from knlab.embedded.kube.objects import Object

_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_BAD_ADDRESS: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def service_validation(holders: Holders) -> Callable[[Object, Object | None], list[Cause]]:
    """The validate hook of Services: it refuses addresses and node ports that have `holders`."""

    def validate_service(new: Object, old: Object | None) -> list[Cause]:
        """What is wrong with a Service, or with changing `old` into it."""
        spec: Object = new.get("spec") or {}
        found: list[Cause] = []
        found += _shape(spec)
        found += _ports(spec)
        found += _taken(spec, Taken(holders, new))
        if old is not None:
            found += _address_kept(spec, old.get("spec") or {})
        return found

    return validate_service


def validate_endpoints(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with Endpoints."""
    found: list[Cause] = []
    for number, subset in enumerate(new.get("subsets") or ()):
        here = f"subsets[{number}]"
        for part in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(part) or ()):
                found += _address(address.get("ip"), f"{here}.{part}[{place}].ip")
        for place, port in enumerate(subset.get("ports") or ()):
            found += port_causes(port.get("port"), f"{here}.ports[{place}].port")
    return found


def validate_endpoint_slice(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with an EndpointSlice."""
    found: list[Cause] = []
    if not new.get("addressType"):
        found.append(required("addressType"))
    found += one_of(new, "", "addressType", ("FQDN", "IPv4", "IPv6"))
    if old is not None:
        found += immutable("addressType", new.get("addressType"), old.get("addressType"))
    for number, endpoint in enumerate(new.get("endpoints") or ()):
        if not endpoint.get("addresses"):
            found.append(
                required(f"endpoints[{number}].addresses", "must contain at least 1 address")
            )
    return found


def _shape(spec: Object) -> list[Cause]:
    found = one_of(spec, "spec", "type", _TYPES)
    found += one_of(spec, "spec", "sessionAffinity", ("ClientIP", "None"))
    found += label_causes(spec.get("selector"), "spec.selector")
    headless = spec.get("clusterIP") == "None"
    if spec.get("type") == "ExternalName":
        name = (spec.get("externalName") or "").rstrip(".")
        if not name:
            found.append(required("spec.externalName"))
        found += [invalid("spec.externalName", name, e) for e in subdomain_errors(name) if name]
        if spec.get("clusterIP"):
            found.append(forbidden("spec.clusterIPs", "may not be set for ExternalName services"))
    elif not spec.get("ports") and not headless:
        found.append(required("spec.ports"))
    elif headless and spec.get("type") != "ClusterIP":
        wrong = f"may not be set to 'None' for {spec['type']} services"
        found.append(invalid("spec.clusterIPs[0]", "None", wrong))
    return found


def _ports(spec: Object) -> list[Cause]:
    found: list[Cause] = []
    ports: list[Object] = spec.get("ports") or []
    names: set[str] = set()
    pairs: set[tuple[Any, Any]] = set()
    for number, port in enumerate(ports):
        here = f"spec.ports[{number}]"
        found += _port(port, here, named=len(ports) > 1)
        if port.get("name") and port["name"] in names:
            found.append(duplicate(f"{here}.name", port["name"]))
        names.add(port.get("name", ""))
        pair = port.get("protocol"), port.get("port")
        if pair in pairs:
            found.append(duplicate(here, {"protocol": pair[0], "port": pair[1]}))
        pairs.add(pair)
        if port.get("nodePort") and spec.get("type") == "ClusterIP":
            wrong = "may not be used when `type` is 'ClusterIP'"
            found.append(forbidden(f"{here}.nodePort", wrong))
    return found


def _port(port: Object, path: str, *, named: bool) -> list[Cause]:
    found: list[Cause] = []
    name = port.get("name") or ""
    if named and not name:
        found.append(required(f"{path}.name"))
    found += [invalid(f"{path}.name", name, wrong) for wrong in label_errors(name) if name]
    found += port_causes(port.get("port", 0), f"{path}.port")
    if isinstance(port.get("targetPort"), int):
        found += port_causes(port["targetPort"], f"{path}.targetPort")
    return found + one_of(port, path, "protocol", PROTOCOLS)


def _taken(spec: Object, taken: Taken) -> list[Cause]:
    found: list[Cause] = []
    address = spec.get("clusterIP")
    if address and address != "None":
        if wrong := _address(address, "spec.clusterIPs[0]"):
            return wrong
        if ip_address(address) not in CLUSTER_NETWORK:
            wrong_range = (
                f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid"
                f" range. The range of valid IPs is {CLUSTER_NETWORK}"
            )
            found.append(invalid("spec.clusterIPs", [address], wrong_range))
        elif address in taken:
            allocated = f"failed to allocate IP {address}: provided IP is already allocated"
            found.append(invalid("spec.clusterIPs", [address], allocated))
    before: set[int] = set()
    for number, port in enumerate(spec.get("ports") or ()):
        wanted, here = port.get("nodePort"), f"spec.ports[{number}].nodePort"
        if wanted in before or wanted in taken:
            found.append(invalid(here, wanted, "provided port is already allocated"))
        elif wanted and wanted not in NODE_PORTS:
            wrong_port = (
                "provided port is not in the valid range. The range of valid ports is"
                f" {NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
            )
            found.append(invalid(here, wanted, wrong_port))
        elif wanted:
            before.add(wanted)
    return found


def _address_kept(spec: Object, old: Object) -> list[Cause]:
    now, before = spec.get("clusterIP"), old.get("clusterIP")
    if "ExternalName" in {spec.get("type"), old.get("type")} or not before or now == before:
        return []
    return [invalid("spec.clusterIPs[0]", [now], "may not change once set")]


def _address(text: Any, path: str) -> list[Cause]:
    try:
        ip_address(text)
    except ValueError:
        return [invalid(path, text, _BAD_ADDRESS)]
    return []
