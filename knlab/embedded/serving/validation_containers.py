"""Rules for the containers of a template."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import isabs, normpath
from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config import FeaturesConfig
from knlab.embedded.serving.field_errors import (
    CURRENT,
    Errors,
    disallowed,
    generic,
    invalid,
    missing,
    missing_one_of,
    multiple_one_of,
    not_allowed,
    out_of_bounds,
    via,
    via_index,
)
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.image_names import is_reference
from knlab.embedded.serving.validation_probes import probe_errors, sidecar_probe_errors

_MAX_INT32: Final = 2**31 - 1
_RESERVED_PORTS: Final = frozenset({8012, 8013, 8022, 9090, 9091, 8008})
_RESERVED_PATHS: Final = frozenset({"/", "/dev", "/dev/log"})
_RESERVED_VARIABLES: Final = frozenset({"K_SERVICE", "K_CONFIGURATION", "K_REVISION"})
_CONTAINER: Final = (
    "name", "args", "command", "env", "workingDir", "envFrom", "image", "imagePullPolicy",
    "livenessProbe", "ports", "readinessProbe", "resources", "securityContext", "startupProbe",
    "terminationMessagePath", "terminationMessagePolicy", "volumeMounts",
)  # fmt: skip
_SECURITY_CONTEXT: Final = (
    "capabilities", "readOnlyRootFilesystem", "runAsUser", "runAsGroup", "runAsNonRoot",
    "allowPrivilegeEscalation", "seccompProfile",
)  # fmt: skip
_WRITABLE: Final = ("emptyDir", "persistentVolumeClaim", "ephemeral")


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the rules for one container depend on besides itself."""

    features: FeaturesConfig
    volumes: dict[str, Object]
    port_name: str
    kind: str = "user"
    """`user`, `sidecar` or `init`."""


def container_errors(spec: Object, features: FeaturesConfig) -> Errors:
    """What is wrong with the containers of the pod spec `spec`."""
    containers = spec.get("containers") or []
    volumes = {volume.get("name", ""): volume for volume in spec.get("volumes") or ()}
    ports: list[Object] = [item["ports"][0] for item in containers if item.get("ports")]
    port = ports[-1] if ports else {}
    around = _Surroundings(features, volumes, port.get("name") or "http")
    errors = _init_errors(spec, around) + _port_count_errors(containers)
    if not containers:
        return errors + missing("containers")
    if len(containers) == 1:
        return errors + via_index(_user_errors(containers[0], around), "containers", 0)
    return errors + _several_errors(containers, around)


def _port_count_errors(containers: list[Object]) -> Errors:
    count = sum(len(item.get("ports") or ()) for item in containers)
    errors: Errors = []
    if count == 0 and len(containers) > 1:
        errors = missing("ports")
    elif count > 1:
        details = "Only a single port is allowed across all containers"
        errors = generic("more than one container port is set", "ports", details=details)
    return via(errors, "containers[*]")


def _init_errors(spec: Object, around: _Surroundings) -> Errors:
    inits = spec.get("initContainers") or []
    if not inits:
        return []
    if not around.features.enabled("kubernetes.podspec-init-containers"):
        text = "pod spec support for init-containers is off, but found"
        return generic(f"{text} {len(inits)} init containers")
    taken = {item.get("name") for item in spec.get("containers") or ()}
    inside = _Surroundings(around.features, around.volumes, around.port_name, "init")
    errors: Errors = []
    for index, container in enumerate(inits):
        found = [
            problem
            for field in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
            if container.get(field) is not None
            for problem in generic("field not allowed in an init container", field)
        ]
        if container.get("name") in taken:
            errors = _with_duplicate(errors, container["name"], index)
        errors += via_index(found + _any_errors(container, inside), "containers", index)
    return errors


def _with_duplicate(errors: Errors, name: str, index: int) -> Errors:
    """`errors` of the containers so far, which Knative then says of the one at `index`, too."""
    found = errors + generic(f"duplicate container name {quoted(name)}", "name")
    return via_index(found, "containers", index)


def _several_errors(containers: list[Object], around: _Surroundings) -> Errors:
    if not around.features.enabled("multi-container"):
        return generic(f"multi-container is off, but found {len(containers)} containers")
    beside = _Surroundings(around.features, around.volumes, around.port_name, "sidecar")
    probing = around.features.enabled("multi-container-probing")
    errors: Errors = []
    seen: set[str] = set()
    for index, container in enumerate(containers):
        name = container.get("name", "")
        found: Errors = []
        if name in seen:
            errors = _with_duplicate(errors, name, index)
        seen.add(name)
        if container.get("ports"):
            found += _user_errors(container, around)
        else:
            found += sidecar_probe_errors(container, probing=probing)
            found += _any_errors(container, beside)
        errors += via_index(found, "containers", index)
    return errors


def _user_errors(container: Object, around: _Surroundings) -> Errors:
    return probe_errors(container, around.port_name) + _any_errors(container, around)


def _any_errors(container: Object, around: _Surroundings) -> Errors:
    if not container:
        return missing(CURRENT)
    errors = not_allowed(container, _CONTAINER)
    if container.get("name") == "queue-proxy":
        errors += generic('"queue-proxy" is a reserved container name', "name")
    errors += _env_errors(container, around) + _env_from_errors(container)
    errors += _image_errors(container.get("image", ""))
    errors += via(_port_errors(container.get("ports") or [], around), "ports")
    resources = container.get("resources") or {}
    errors += via(not_allowed(resources, ("limits", "requests")), "resources")
    context = container.get("securityContext")
    if context is not None:
        errors += via(_context_errors(context, around.features), "securityContext")
    policy = container.get("terminationMessagePolicy", "")
    if policy not in {"", "File", "FallbackToLogsOnError"}:
        errors += invalid(policy, "terminationMessagePolicy")
    return errors + _mount_errors(container, around)


def _env_errors(container: Object, around: _Surroundings) -> Errors:
    reserved = _RESERVED_VARIABLES | ({"PORT"} if around.kind == "user" else set())
    sources = ["configMapKeyRef", "secretKeyRef"]
    if around.features.allows("kubernetes.podspec-fieldref"):
        sources += ["fieldRef", "resourceFieldRef"]
    errors: Errors = []
    for index, variable in enumerate(container.get("env") or ()):
        name = variable.get("name", "")
        found: Errors = []
        if not name:
            found += missing("name")
        elif name in reserved:
            found += generic(f"{quoted(name)} is a reserved environment variable", "name")
        found += via(not_allowed(variable.get("valueFrom") or {}, sources), "valueFrom")
        errors += via_index(found, "env", index)
    return errors


def _env_from_errors(container: Object) -> Errors:
    errors: Errors = []
    for source in container.get("envFrom") or ():
        given = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        if len(given) == 2:
            errors += multiple_one_of("configMapRef", "secretRef")
        elif not given:
            errors += missing_one_of("configMapRef", "secretRef")
    return via(errors, "envFrom")


def _image_errors(image: str) -> Errors:
    if not image:
        return missing("image")
    if is_reference(image):
        return []
    details = f"image: {quoted(image)}, error: could not parse reference: {image}"
    return generic("Failed to parse image reference", "image", details=details)


def _port_errors(ports: list[Object], around: _Surroundings) -> Errors:
    errors: Errors = []
    for port in ports if around.kind == "init" else ports[:1]:
        errors += not_allowed(port, ("containerPort", "name", "protocol"))
        number = port.get("containerPort", 0)
        if number in _RESERVED_PORTS:
            text = f"{number} is a reserved port"
            details = f"{text}, please use a different value"
            errors += invalid(text, "containerPort", details)
        if not 0 <= number <= 65535:
            errors += out_of_bounds(number, 0, 65535, "containerPort")
    if not ports or around.kind == "init":
        return errors
    protocol, name = ports[0].get("protocol", ""), ports[0].get("name", "")
    if protocol not in {"", "TCP"}:
        errors += invalid(protocol, "protocol")
    if name not in {"", "h2c", "http1"}:
        details = "Name must be empty, or one of: 'h2c', 'http1'"
        errors += generic(f"Port name {name} is not allowed", CURRENT, details=details)
    return errors


def _context_errors(context: Object, features: FeaturesConfig) -> Errors:
    allowed = (*_SECURITY_CONTEXT, *(() if context.get("privileged") else ("privileged",)))
    errors = not_allowed(context, allowed)
    capabilities = context.get("capabilities")
    if capabilities is not None:
        errors += via(_capability_errors(capabilities, features), "capabilities")
    for name in ("runAsUser", "runAsGroup"):
        value = context.get(name)
        if value is not None and not 0 <= value <= _MAX_INT32:
            errors += out_of_bounds(value, 0, _MAX_INT32, name)
    return errors


def _capability_errors(capabilities: Object, features: FeaturesConfig) -> Errors:
    added = capabilities.get("add")
    low_port = features.secure_pod_defaults and added == ["NET_BIND_SERVICE"]
    if added and not low_port and not features.enabled("kubernetes.containerspec-addcapabilities"):
        return disallowed("add")
    return []


def _mount_errors(container: Object, around: _Surroundings) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    propagation = around.features.state("kubernetes.podspec-volumes-mount-propagation")
    allowed = ["name", "readOnly", "mountPath", "subPath"]
    if propagation != "Disabled":
        allowed.append("mountPropagation")
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        path = mount.get("mountPath", "")
        found = not_allowed(mount, allowed)
        volume = around.volumes.get(mount.get("name", ""))
        if volume is None:
            found += generic("volumeMount has no matching volume", "name")
        found += _path_errors(path, seen)
        seen.add(normpath(path) if path else ".")
        read_only = not any((volume or {}).get(kind) is not None for kind in _WRITABLE)
        if read_only and not mount.get("readOnly"):
            found += generic("volume mount should be readOnly for this type of volume", "readOnly")
        claim = (volume or {}).get("persistentVolumeClaim") or {}
        if claim.get("readOnly") and not mount.get("readOnly"):
            found += generic("volume is readOnly but volume mount is not", "readOnly")
        if mount.get("mountPropagation") is not None:
            found += _propagation_errors(mount, enabled=propagation == "Enabled")
        errors += via_index(found, "volumeMounts", index)
    return errors


def _propagation_errors(mount: Object, *, enabled: bool) -> Errors:
    errors: Errors = []
    if not enabled:
        text = "Volume Mount Propagation support is disabled, but found volume mount"
        errors += generic(f"{text} {mount.get('name', '')} with mount propagation")
    if mount["mountPropagation"] not in {"None", "HostToContainer"}:
        text = "mount propagation should be set to None or HostToContainer"
        errors += generic(text, "mountPropagation")
    return errors


def _path_errors(path: str, seen: set[str]) -> Errors:
    if not path:
        return missing("mountPath")
    clean = normpath(path)
    if clean in _RESERVED_PATHS:
        return generic(f"mountPath {quoted(clean)} is a reserved path", "mountPath")
    if not isabs(path):
        return invalid(path, "mountPath")
    return invalid(f"{quoted(path)} must be unique", "mountPath") if clean in seen else []
