"""What is refused in the status of a Pod, whoever writes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from knlab.embedded.builtin.validation.causes import immutable, invalid
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import subdomain_errors
from knlab.embedded.kube.objects import Object

_NO_ADDRESS: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_ONE_OF_EACH: Final = "may specify no more than one IP for each IP family"


def validate_pod_status(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a Pod's new status."""
    status, before = (obj.get("status") or {} for obj in (new, old or {}))
    found = [*_pod_addresses(status), *_host_addresses(status)]
    if before.get("qosClass"):
        found += immutable("status.qosClass", status.get("qosClass", ""), before["qosClass"])
    if node := status.get("nominatedNodeName"):
        found += [
            invalid("status.nominatedNodeName", node, wrong) for wrong in subdomain_errors(node)
        ]
    return found


def _pod_addresses(status: Object) -> list[Cause]:
    ips = _listed(status.get("podIPs"))
    causes = _nonsense(ips, "status.podIPs")
    families = [ip.version for ip in _parsed(ips) if ip is not None]
    if len(ips) > 2 or len(set(families)) < len(families):
        shown = [{"IP": ip} for ip in ips]
        causes.append(invalid("status.podIPs", shown, _ONE_OF_EACH))
    return causes


def _host_addresses(status: Object) -> list[Cause]:
    ips = _listed(status.get("hostIPs"))
    if not ips:
        return []
    causes = _nonsense(ips, "status.hostIPs")
    if ips[0] != status.get("hostIP", ""):
        causes.insert(0, invalid("status.hostIPs[0].ip", ips[0], "must be equal to `hostIP`"))
    return causes


def _listed(entries: Iterable[Object] | None) -> list[str]:
    return [str(entry.get("ip", "")) for entry in entries or ()]


def _nonsense(ips: Sequence[str], path: str) -> list[Cause]:
    return [
        invalid(f"{path}[{number}]", text, _NO_ADDRESS)
        for number, (text, ip) in enumerate(zip(ips, _parsed(ips), strict=True))
        if ip is None
    ]


def _parsed(ips: Iterable[str]) -> list[IPv4Address | IPv6Address | None]:
    return [_address(text) for text in ips]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
