"""Rules for a revision template: its pod spec, limits, name and annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving import keys
from knlab.embedded.serving.config import AutoscalerConfig, DefaultsConfig, FeaturesConfig
from knlab.embedded.serving.dns_names import label_1035_problems, subdomain_problems
from knlab.embedded.serving.field_errors import (
    Errors,
    disallowed,
    generic,
    invalid,
    not_allowed,
    out_of_bounds,
    via,
    via_index,
    warnings,
)
from knlab.embedded.serving.go_text import quoted
from knlab.embedded.serving.validation_annotations import (
    autoscaling_errors,
    duration_annotation_errors,
    networking_errors,
    queue_resource_errors,
)
from knlab.embedded.serving.validation_containers import container_errors
from knlab.embedded.serving.validation_volumes import volume_errors

_INSECURE: Final = (
    "Kubernetes default value is insecure, Knative may default this to secure in a future release"
)
_POD_SPEC: Final = (
    "serviceAccountName", "containers", "volumes", "imagePullSecrets", "enableServiceLinks",
    "containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds",
)  # fmt: skip
_GATED: Final = {
    "affinity": "affinity",
    "topologySpreadConstraints": "topologyspreadconstraints",
    "hostAliases": "hostaliases",
    "nodeSelector": "nodeselector",
    "runtimeClassName": "runtimeclassname",
    "tolerations": "tolerations",
    "shareProcessNamespace": "shareprocessnamespace",
    "priorityClassName": "priorityclassname",
    "schedulerName": "schedulername",
    "initContainers": "init-containers",
    "dnsPolicy": "dnspolicy",
    "dnsConfig": "dnsconfig",
    "hostIPC": "hostipc",
    "hostPID": "hostpid",
    "hostNetwork": "hostnetwork",
}
_SECURITY_CONTEXT: Final = (
    "runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "supplementalGroups", "seccompProfile",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """The settings that admission depends on."""

    autoscaler: AutoscalerConfig
    defaults: DefaultsConfig
    features: FeaturesConfig


def template_errors(template: Object, parent: Object, config: AdmissionConfig) -> Errors:
    """What is wrong with the revision `template` of `parent`."""
    metadata = template.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    found = (
        autoscaling_errors(annotations, config.autoscaler)
        + networking_errors(annotations)
        + queue_resource_errors(annotations)
        + duration_annotation_errors(annotations, (keys.PROGRESS_DEADLINE,))
    )
    return (
        via(revision_spec_errors(template.get("spec") or {}, config), "spec")
        + via(found, "metadata.annotations")
        + _name_errors(metadata, parent["metadata"])
    )


def _name_errors(metadata: Object, parent: Object) -> Errors:
    errors: Errors = []
    prefix = metadata.get("generateName", "")
    if prefix and (problems := label_1035_problems(prefix, prefix=True)):
        text = f"not a DNS 1035 label prefix: {problems}"
        errors += invalid(text, "metadata.generateName")
    name = metadata.get("name", "")
    if not name:
        return errors
    if problems := label_1035_problems(name):
        return errors + invalid(f"not a DNS 1035 label: {problems}", "metadata.name")
    if not parent.get("name") and parent.get("generateName"):
        return errors + disallowed("metadata.name")
    wanted = f"{parent.get('name', '')}-"
    if name.startswith(wanted):
        return errors
    text = f"{quoted(name)} must have prefix {quoted(wanted)}"
    return errors + invalid(text, "metadata.name")


def revision_spec_errors(spec: Object, config: AdmissionConfig) -> Errors:
    """What is wrong with the revision spec `spec`."""
    errors = _pod_spec_errors(spec, config.features)
    defaults = config.defaults
    timeout = spec.get("timeoutSeconds") or 0
    if not 0 <= timeout <= defaults.max_revision_timeout_seconds:
        highest = defaults.max_revision_timeout_seconds
        errors += out_of_bounds(timeout, 0, highest, "timeoutSeconds")
    return errors + concurrency_errors(spec.get("containerConcurrency"), defaults)


def concurrency_errors(value: int | None, defaults: DefaultsConfig) -> Errors:
    """What is wrong with containerConcurrency `value`; None means that it is not set."""
    low = 0 if defaults.allow_container_concurrency_zero else 1
    high = defaults.container_concurrency_max_limit
    if value is None or low <= value <= high:
        return []
    return out_of_bounds(value, low, high, "containerConcurrency")


def _pod_spec_errors(spec: Object, features: FeaturesConfig) -> Errors:
    errors = not_allowed(spec, _allowed_fields(spec, features))
    context = spec.get("securityContext")
    if context is not None:
        errors += via(_pod_context_errors(context, features), "securityContext")
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            found = _insecure(context or {}, container.get("securityContext") or {}, features)
            errors += via_index(via(found, "securityContext"), kind, index)
    errors += volume_errors(spec, features) + container_errors(spec, features)
    account = spec.get("serviceAccountName", "")
    for problem in subdomain_problems(account) if account else ():
        errors += invalid(account, "serviceAccountName", problem)
    return errors


def _allowed_fields(spec: Object, features: FeaturesConfig) -> list[str]:
    allowed = [*_POD_SPEC]
    allowed += [
        field for field, name in _GATED.items() if features.allows(f"kubernetes.podspec-{name}")
    ]
    if features.allows("kubernetes.podspec-securitycontext") or features.secure_pod_defaults:
        allowed.append("securityContext")
    if spec.get("automountServiceAccountToken") is False:
        allowed.append("automountServiceAccountToken")
    return allowed


def _pod_context_errors(context: Object, features: FeaturesConfig) -> Errors:
    allowed: tuple[str, ...] = ()
    profile = (context.get("seccompProfile") or {}).get("type")
    if features.secure_pod_defaults and profile in {"RuntimeDefault", "Unconfined"}:
        allowed = ("seccompProfile",)
    if features.allows("kubernetes.podspec-securitycontext"):
        allowed = _SECURITY_CONTEXT
    errors = not_allowed(context, allowed)
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        value = context.get(name)
        if value is not None and not 0 <= value <= 2**31 - 1:
            errors += out_of_bounds(value, 0, 2**31 - 1, name)
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        if not 0 <= group <= 2**31 - 1:
            found = out_of_bounds(group, 0, 2**31 - 1, "")
            errors += via_index(found, "supplementalGroups", index)
    return errors


def _insecure(pod: Object, container: Object, features: FeaturesConfig) -> Errors:
    if features.secure_pod_defaults:
        return []
    found: list[str] = []
    if pod.get("runAsNonRoot") is None and container.get("runAsNonRoot") is None:
        found.append("runAsNonRoot")
    if container.get("allowPrivilegeEscalation") is None:
        found.append("allowPrivilegeEscalation")
    profiles = [part.get("seccompProfile") for part in (pod, container)]
    if profiles == [None, None]:
        found.append("seccompProfile")
    elif not any((profile or {}).get("type") for profile in profiles):
        found.append("seccompProfile.type")
    capabilities = container.get("capabilities")
    if capabilities is None:
        found.append("capabilities")
    elif capabilities.get("drop") is None:
        found.append("capabilities.drop")
    errors = generic(_INSECURE, *found) if found else []
    dropped = (capabilities or {}).get("drop") or [""]
    if dropped[0] == "all":
        errors += invalid("all", "capabilities.drop", "Must be spelled as 'ALL'")
    return warnings(errors)
