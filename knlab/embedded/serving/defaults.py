"""What the mutating webhook fills in; each function changes and returns the object it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.quantities import canonical_quantity
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import DefaultsConfig
from knlab.embedded.serving.go_template import GoTemplate, TemplateError
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    DOMAIN_MAPPINGS,
    INGRESSES,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
    SERVICES,
)
from knlab.embedded.serving.resources.names import child_name
from knlab.embedded.serving.validation_template import AdmissionConfig

_WRITABLE: Final = ("emptyDir", "persistentVolumeClaim", "ephemeral")
_PROBES: Final = ("readinessProbe", "livenessProbe", "startupProbe")
_ACTIONS: Final = ("tcpSocket", "httpGet", "exec", "grpc")


def default_service(new: Object, old: Object | None, config: AdmissionConfig, user: str) -> Object:
    """A Service with all that Knative fills in."""
    spec = _part(new, "spec")
    _default_template_of(new, old, config)
    traffic = spec.get("traffic") or [{"percent": 100, "latestRevision": True}]
    spec["traffic"] = _default_traffic(traffic)
    return _set_user(new, old, user)


def default_configuration(
    new: Object, old: Object | None, config: AdmissionConfig, user: str
) -> Object:
    """A Configuration with all that Knative fills in."""
    _default_template_of(new, old, config)
    return new if new["metadata"].get("ownerReferences") else _set_user(new, old, user)


def default_route(new: Object, old: Object | None, _config: AdmissionConfig, user: str) -> Object:
    """A Route with all that Knative fills in."""
    spec = _part(new, "spec")
    if spec.get("traffic"):
        spec["traffic"] = _default_traffic(spec["traffic"])
    return new if new["metadata"].get("ownerReferences") else _set_user(new, old, user)


def default_revision(
    new: Object, old: Object | None, config: AdmissionConfig, _user: str
) -> Object:
    """A Revision with all that Knative fills in; afterwards it never changes."""
    if old is None:
        _default_spec(_part(new, "spec"), {}, config, creating=True)
    return new


def default_domain_mapping(
    new: Object, old: Object | None, _config: AdmissionConfig, user: str
) -> Object:
    """A DomainMapping whose reference names its namespace, and has what Go writes if empty."""
    reference = _part(_part(new, "spec"), "ref")
    reference.setdefault("kind", "")
    reference.setdefault("name", "")
    reference["namespace"] = reference.get("namespace") or new["metadata"].get("namespace", "")
    return _set_user(new, old, user)


def default_pod_autoscaler(
    new: Object, _old: Object | None, config: AdmissionConfig, _user: str
) -> Object:
    """A PodAutoscaler that names its class and its metric."""
    annotations = _part(new["metadata"], "annotations")
    klass = annotations.setdefault(keys.CLASS, config.autoscaler.pod_autoscaler_class)
    metrics = {keys.KPA_CLASS: "concurrency", keys.HPA_CLASS: "cpu"}
    annotations.setdefault(keys.METRIC, metrics.get(klass, ""))
    return new


def default_ingress(
    new: Object, _old: Object | None, _config: AdmissionConfig, _user: str
) -> Object:
    """An Ingress whose rules say who sees them and whose single splits have it all."""
    for rule in _part(new, "spec").get("rules") or ():
        if not rule.get("visibility"):
            rule["visibility"] = "ExternalIP"
        for path in (rule.get("http") or {}).get("paths") or ():
            splits = path.get("splits") or []
            if len(splits) == 1 and not splits[0].get("percent"):
                splits[0]["percent"] = 100
    return new


Defaulting = Callable[[Object, Object | None, AdmissionConfig, str], Object]

DEFAULTS: Final[Mapping[GroupResource, Defaulting]] = {
    SERVICES: default_service,
    CONFIGURATIONS: default_configuration,
    ROUTES: default_route,
    REVISIONS: default_revision,
    DOMAIN_MAPPINGS: default_domain_mapping,
    POD_AUTOSCALERS: default_pod_autoscaler,
    INGRESSES: default_ingress,
}
"""How each kind is filled in; kinds that are missing here stay as they are."""


def _part(obj: Object, name: str) -> Object:
    if not isinstance(obj.get(name), dict):
        obj[name] = {}
    found: Object = obj[name]
    return found


def _default_traffic(traffic: list[Object]) -> list[Object]:
    for target in traffic:
        if target.get("latestRevision") is None:
            target["latestRevision"] = not target.get("revisionName")
        if target.get("percent") is None:
            target["percent"] = 0
    return traffic


def _default_template_of(new: Object, old: Object | None, config: AdmissionConfig) -> None:
    template = _part(_part(new, "spec"), "template")
    name = _part(template, "metadata").get("name")
    spec = _part(template, "spec")
    before = ((old or {}).get("spec") or {}).get("template") or {}
    if old is not None and name and name == (before.get("metadata") or {}).get("name"):
        return
    _default_spec(spec, new["metadata"], config, creating=old is None)


def _set_user(new: Object, old: Object | None, user: str) -> Object:
    annotations = _part(new["metadata"], "annotations")
    if old is None:
        annotations[keys.CREATOR] = user
        annotations[keys.LAST_MODIFIER] = user
    elif new.get("spec") != old.get("spec"):
        annotations[keys.LAST_MODIFIER] = user
    if not annotations:
        del new["metadata"]["annotations"]
    return new


def _default_spec(spec: Object, parent: Object, config: AdmissionConfig, *, creating: bool) -> None:
    defaults = config.defaults
    spec["timeoutSeconds"] = spec.get("timeoutSeconds") or defaults.revision_timeout_seconds
    for field, value in (
        ("idleTimeoutSeconds", defaults.revision_idle_timeout_seconds),
        ("responseStartTimeoutSeconds", defaults.revision_response_start_timeout_seconds),
    ):
        if spec.get(field) is None and 0 < value < spec["timeoutSeconds"]:
            spec[field] = value
    if spec.get("containerConcurrency") is None:
        spec["containerConcurrency"] = defaults.container_concurrency
    spec.setdefault("containers", None)
    containers, inits = spec["containers"] or [], spec.get("initContainers") or []
    taken = {item.get("name", "") for item in (*containers, *inits)}
    _name_containers(containers, taken, defaults.container_name_template, parent)
    _name_containers(inits, taken, defaults.init_container_name_template, parent)
    for container in containers:
        _default_container(container, spec, defaults)
    if containers and creating and spec.get("enableServiceLinks") is None:
        links = defaults.enable_service_links
        if links is not None:
            spec["enableServiceLinks"] = links
    for container in (*containers, *inits):
        _secure(container, spec.get("securityContext") or {}, config)


def _name_containers(
    containers: list[Object], taken: set[str], template: str, parent: Object
) -> None:
    if all(container.get("name") for container in containers):
        return
    values = {
        "Name": parent.get("name", ""),
        "Namespace": parent.get("namespace", ""),
        "Labels": parent.get("labels") or {},
        "Annotations": parent.get("annotations") or {},
    }
    try:
        default = GoTemplate("container-template", template).render(values)
    except TemplateError:
        default = ""
    suffix = 0
    for container in containers:
        if container.get("name"):
            continue
        name = default
        if len(containers) > 1 or name in taken:
            name, suffix = child_name(default, f"-{suffix}"), suffix + 1
            while name in taken:
                name, suffix = child_name(default, f"-{suffix}"), suffix + 1
        container["name"] = name


def _default_container(container: Object, spec: Object, defaults: DefaultsConfig) -> None:
    _default_resources(container, defaults)
    if len(spec["containers"]) == 1 or container.get("ports"):
        probe = _part(container, "readinessProbe")
        if not any(probe.get(action) is not None for action in _ACTIONS):
            probe["tcpSocket"] = {}
    _default_probes(container)
    kept = {
        volume.get("name")
        for volume in spec.get("volumes") or ()
        if any(volume.get(kind) is not None for kind in _WRITABLE)
    }
    for mount in container.get("volumeMounts") or ():
        if mount.get("name") not in kept:
            mount["readOnly"] = True


def _default_resources(container: Object, defaults: DefaultsConfig) -> None:
    resources = _part(container, "resources")
    for part, added in (("requests", defaults.requests), ("limits", defaults.limits)):
        values = {
            name: canonical_quantity(str(value))
            for name, value in (resources.get(part) or {}).items()
        }
        values = dict(added) | values
        resources.pop(part, None)
        if values:
            resources[part] = values


def _default_probes(container: Object) -> None:
    for name in _PROBES:
        probe = container.get(name)
        for action in ("tcpSocket", "httpGet", "grpc"):
            if probe is not None and probe.get(action) is not None:
                probe[action].setdefault("port", 0)
        if probe is not None and probe.get("grpc") is not None:
            probe["grpc"].setdefault("service", "")
    probe = container.get("readinessProbe")
    if probe is None:
        return
    probe["successThreshold"] = probe.get("successThreshold") or 1
    if probe.get("periodSeconds"):
        probe["failureThreshold"] = probe.get("failureThreshold") or 3
        probe["timeoutSeconds"] = probe.get("timeoutSeconds") or 1


def _secure(container: Object, pod: Object, config: AdmissionConfig) -> None:
    if not config.features.secure_pod_defaults:
        return
    context = _part(container, "securityContext")
    context.setdefault("allowPrivilegeEscalation", False)
    if not (pod.get("seccompProfile") or {}).get("type"):
        _part(context, "seccompProfile").setdefault("type", "RuntimeDefault")
    if context.get("capabilities") is None:
        context["capabilities"] = {"drop": ["ALL"]}
        ports = container.get("ports") or ()
        if any(port.get("containerPort", 0) < 1024 for port in ports):
            context["capabilities"]["add"] = ["NET_BIND_SERVICE"]
    if config.features.enabled("secure-pod-defaults") and pod.get("runAsNonRoot") is None:
        context.setdefault("runAsNonRoot", True)
