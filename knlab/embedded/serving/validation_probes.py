"""Rules for the probes of a container."""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.field_errors import (
    CURRENT,
    Errors,
    generic,
    invalid,
    missing_one_of,
    multiple_one_of,
    not_allowed,
    out_of_bounds,
    via,
)

_MAX_INT32: Final = 2**31 - 1
_HANDLERS: Final = {
    "httpGet": ("host", "path", "scheme", "httpHeaders", "port"),
    "tcpSocket": ("host", "port"),
    "exec": ("command",),
    "grpc": ("port", "service"),
}
_PROBE: Final = frozenset(
    {
        *_HANDLERS,
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
        "terminationGracePeriodSeconds",
    }
)


def probe_errors(container: Object, port_name: str) -> Errors:
    """What is wrong with the probes of the container that serves on the port `port_name`."""
    errors: Errors = []
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is None:
            continue
        found = _handler_errors(probe, port_name)
        if kind == "readinessProbe":
            found += _readiness_errors(probe)
        errors += via(found, kind)
    return errors


def sidecar_probe_errors(container: Object, *, probing: bool) -> Errors:
    """What is wrong with the probes of a sidecar; without `probing` it may have none."""
    errors: Errors = []
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is None:
            continue
        if not probing:
            # Go embeds the handlers, so that they have no name of their own.
            known = {CURRENT if name in _HANDLERS else name: probe[name] for name in probe}
            errors += via(not_allowed(known, ()), kind)
            continue
        found = _handler_errors(probe, None)
        if kind == "readinessProbe":
            found += _readiness_errors(probe)
        errors += via(found, kind)
    return errors


def _handler_errors(probe: Object, port_name: str | None) -> Errors:
    errors = not_allowed(probe, _PROBE)
    found = [kind for kind in _HANDLERS if probe.get(kind) is not None]
    for kind in found:
        errors += via(not_allowed(probe[kind], _HANDLERS[kind]), kind)
        if kind in {"httpGet", "tcpSocket"}:
            errors += _port_errors(probe[kind].get("port", 0), f"{kind}.port", port_name)
    if not found:
        errors += missing_one_of(*_HANDLERS)
    elif len(found) > 1:
        errors += multiple_one_of(*("gRPC" if kind == "grpc" else kind for kind in found))
    return errors


def _port_errors(port: Any, path: str, port_name: str | None) -> Errors:
    if port_name is None:
        return [] if port else invalid(port, path, "Probe port must be specified")
    if isinstance(port, str) and port and port != port_name:
        return invalid(port, path, "Probe port must match container port")
    return []


def _readiness_errors(probe: Object) -> Errors:
    errors: Errors = []
    for name, low in (("periodSeconds", 0), ("initialDelaySeconds", 0), ("successThreshold", 1)):
        value = probe.get(name, 0)
        if value < low:
            errors += out_of_bounds(value, low, _MAX_INT32, name)
    for name in ("failureThreshold", "timeoutSeconds"):
        value = probe.get(name, 0)
        if probe.get("periodSeconds", 0) == 0:
            if value != 0:
                errors += generic(f"{name} is disallowed when periodSeconds is zero", name)
        elif value < 1:
            errors += out_of_bounds(value, 1, _MAX_INT32, name)
    return errors
