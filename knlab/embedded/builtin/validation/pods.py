"""What is refused in Pods and pod templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from knlab.embedded.builtin.validation.causes import (
    duplicate,
    forbidden,
    invalid,
    not_negative,
    one_of,
    required,
    unsupported,
)
from knlab.embedded.builtin.validation.names import label_causes
from knlab.embedded.builtin.validation.volumes import mount_causes, path_causes, volume_causes
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import label_errors
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import find_quantity

_DEADLINE: Final = "activeDeadlineSeconds"
_LONGEST_DEADLINE: Final = 2**31 - 1
_HOST_AND_PROCESSES: Final = (
    "hostIPC", "hostNetwork", "hostPID", "setHostnameAsFQDN", "shareProcessNamespace",
)  # fmt: skip
_VARIABLE: Final = re.compile(r"[ -<>-~]+")
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
PORT_RANGE: Final = "must be between 1 and 65535, inclusive"

_QUANTITY: Final = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_HANDLERS: Final = ("exec", "grpc", "httpGet", "tcpSocket")
_UPDATABLE: Final = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only"
    " additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set"
    " to 1 if it was previously negative)"
)


def validate_pod(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a Pod, or with changing `old` into it."""
    spec = new.get("spec") or {}
    found = pod_spec_causes(spec, "spec")
    if old is None:
        if spec.get("ephemeralContainers"):
            found.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
        return found
    before = old.get("spec") or {}
    found += _deadline_change(spec.get(_DEADLINE), before.get(_DEADLINE))
    if _fixed_part(new, old) != _fixed_part(old, old):
        found.append(forbidden("spec", _UPDATABLE))
    return found


def template_causes(template: Object, path: str) -> list[Cause]:
    """What is wrong with a pod template."""
    labels = (template.get("metadata") or {}).get("labels")
    spec = template.get("spec") or {}
    found = [*label_causes(labels, f"{path}.labels"), *pod_spec_causes(spec, f"{path}.spec")]
    if spec.get("ephemeralContainers"):
        wrong = "ephemeral containers not allowed in pod template"
        found.append(forbidden(f"{path}.spec.ephemeralContainers", wrong))
    return found


def pod_spec_causes(spec: Object, path: str) -> list[Cause]:
    """What is wrong with a pod spec."""
    found: list[Cause] = []
    volumes = {item.get("name", "") for item in spec.get("volumes") or ()}
    found += volume_causes(spec.get("volumes") or (), f"{path}.volumes")
    if not spec.get("containers"):
        found.append(required(f"{path}.containers"))
    names: set[str] = set()
    for part in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(part) or ()):
            here = f"{path}.{part}[{number}]"
            found += _container_causes(container, here, volumes)
            if container.get("name") in names:
                found.append(duplicate(f"{here}.name", container["name"]))
            names.add(container.get("name", ""))
    found += one_of(spec, path, "restartPolicy", ("Always", "OnFailure", "Never"))
    found += one_of(
        spec, path, "dnsPolicy", ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    )
    found += not_negative(spec, path, "terminationGracePeriodSeconds")
    found += _deadline(spec.get(_DEADLINE), f"{path}.{_DEADLINE}")
    for name in ("hostname", "subdomain"):
        if text := spec.get(name):
            found += [invalid(f"{path}.{name}", text, wrong) for wrong in label_errors(text)]
    return found + _unavailable(spec, path)


def _deadline(seconds: Any, path: str) -> list[Cause]:
    good = seconds is None or 1 <= seconds <= _LONGEST_DEADLINE
    wrong = f"must be between 1 and {_LONGEST_DEADLINE}, inclusive"
    return [] if good else [invalid(path, seconds, wrong)]


def _deadline_change(new: int | None, old: int | None) -> list[Cause]:
    """A deadline may be set, and moved nearer."""
    path = f"spec.{_DEADLINE}"
    if old is None:
        return []
    if new is None:
        return [invalid(path, None, "must not update from a positive integer to nil value")]
    wrong = "must be less than or equal to previous value"
    return [invalid(path, new, wrong)] if new > old else []


def _unavailable(spec: Object, path: str) -> list[Cause]:
    """What would make the containers of a pod share or see things that this cluster has not."""
    asked = [name for name in _HOST_AND_PROCESSES if spec.get(name)]
    asked += ["hostUsers"] if spec.get("hostUsers") is False else []
    asked += [name for name in ("dnsConfig", "resourceClaims") if spec.get(name)]
    if (spec.get("os") or {}).get("name", "linux") != "linux":
        asked.append("os.name")
    return [forbidden(f"{path}.{name}", "is not available on this cluster") for name in asked]


def port_causes(number: Any, path: str) -> list[Cause]:
    """A cause if `number` is no port."""
    good = isinstance(number, int) and 1 <= number <= 65535
    return [] if good else [invalid(path, number, PORT_RANGE)]


def _fixed_part(pod: Object, old: Object) -> Object:
    """The spec of `pod` without what may change; assigning a node is allowed once."""
    spec = dict(pod.get("spec") or {})
    for name in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        spec.pop(name, None)
    if not (old.get("spec") or {}).get("nodeName"):
        spec.pop("nodeName", None)
    for part in ("containers", "initContainers"):
        spec[part] = [
            {key: value for key, value in item.items() if key != "image"}
            for item in spec.get(part) or ()
        ]
    return spec


def _container_causes(container: Object, path: str, volumes: set[str]) -> list[Cause]:
    found: list[Cause] = []
    name = container.get("name") or ""
    if not name:
        found.append(required(f"{path}.name"))
    found += [invalid(f"{path}.name", name, wrong) for wrong in label_errors(name) if name]
    image = container.get("image") or ""
    if not image:
        found.append(required(f"{path}.image"))
    elif image != image.strip():
        found.append(
            invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
        )
    found += one_of(container, path, "imagePullPolicy", ("Always", "IfNotPresent", "Never"))
    found += one_of(container, path, "terminationMessagePolicy", ("File", "FallbackToLogsOnError"))
    found += _ports(container.get("ports") or (), f"{path}.ports")
    found += _env(container.get("env") or (), f"{path}.env")
    found += mount_causes(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes)
    found += path_causes(container.get("workingDir") or "", f"{path}.workingDir")
    found += _resources(container.get("resources") or {}, f"{path}.resources")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe := container.get(kind):
            found += _probe(probe, f"{path}.{kind}", ready=kind == "readinessProbe")
    return found


def _ports(ports: Iterable[Object], path: str) -> list[Cause]:
    found: list[Cause] = []
    names: set[str] = set()
    for number, port in enumerate(ports):
        here = f"{path}[{number}]"
        if name := port.get("name"):
            if len(name) > 15:
                found.append(invalid(f"{here}.name", name, "must be no more than 15 characters"))
            if name in names:
                found.append(duplicate(f"{here}.name", name))
            names.add(name)
        if not port.get("containerPort"):
            found.append(required(f"{here}.containerPort"))
        else:
            found += port_causes(port["containerPort"], f"{here}.containerPort")
        found += one_of(port, here, "protocol", PROTOCOLS)
    return found


def _env(items: Iterable[Object], path: str) -> list[Cause]:
    found: list[Cause] = []
    for number, item in enumerate(items):
        here = f"{path}[{number}]"
        if not item.get("name"):
            found.append(required(f"{here}.name"))
        elif not _VARIABLE.fullmatch(item["name"]):
            wrong = (
                "a valid environment variable name must consist only of printable ASCII"
                " characters other than '='"
            )
            found.append(invalid(f"{here}.name", item["name"], wrong))
        if item.get("value") and item.get("valueFrom"):
            found.append(
                invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty")
            )
    return found


def _resources(resources: Mapping[str, Mapping[str, Any]], path: str) -> list[Cause]:
    found: list[Cause] = []
    for part in ("limits", "requests"):
        for name, amount in (resources.get(part) or {}).items():
            value = find_quantity(amount)
            if value is None:
                found.append(invalid(f"{path}.{part}.{name}", amount, _QUANTITY))
            elif value < 0:
                wrong = "must be greater than or equal to 0"
                found.append(invalid(f"{path}.{part}[{name}]", amount, wrong))
    limits = resources.get("limits") or {}
    for name, amount in (resources.get("requests") or {}).items():
        asked, limit = find_quantity(amount), find_quantity(limits.get(name, "x"))
        if asked is not None and limit is not None and asked > limit:
            wrong = f"must be less than or equal to {name} limit of {limits[name]}"
            found.append(invalid(f"{path}.requests", amount, wrong))
    return found


def _probe(probe: Object, path: str, *, ready: bool) -> list[Cause]:
    handlers = [name for name in _HANDLERS if name in probe]
    found: list[Cause] = []
    if not handlers:
        found.append(required(path, "must specify a handler type"))
    too_many = "may not specify more than 1 handler type"
    found += [forbidden(f"{path}.{extra}", too_many) for extra in handlers[1:]]
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        found += not_negative(probe, path, name)
    for name in ("httpGet", "tcpSocket", "grpc"):
        port = (probe.get(name) or {}).get("port")
        if isinstance(port, int):
            found += port_causes(port, f"{path}.{name}.port")
        elif name in handlers and not port:
            found.append(required(f"{path}.{name}.port"))
    scheme = (probe.get("httpGet") or {}).get("scheme", "HTTP")
    if scheme not in {"HTTP", "HTTPS"}:
        found.append(unsupported(f"{path}.httpGet.scheme", scheme, ("HTTP", "HTTPS")))
    if not ready and probe.get("successThreshold", 1) != 1:
        found.append(invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return found
