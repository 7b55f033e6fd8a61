"""What the validating webhook refuses, for each of Knative's kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from knlab.embedded.kube.objects import GroupResource, Object, annotations_of
from knlab.embedded.serving import keys
from knlab.embedded.serving.differences import revision_difference, template_difference
from knlab.embedded.serving.dns_names import label_1035_problems
from knlab.embedded.serving.field_errors import (
    CURRENT,
    Errors,
    generic,
    invalid,
    missing,
    via,
    via_index,
)
from knlab.embedded.serving.kinds import (
    CERTIFICATES,
    CONFIGURATIONS,
    DOMAIN_MAPPINGS,
    INGRESSES,
    POD_AUTOSCALERS,
    REVISIONS,
    ROUTES,
    SERVERLESS_SERVICES,
    SERVICES,
)
from knlab.embedded.serving.validation_annotations import (
    autoscaling_errors,
    duration_annotation_errors,
    no_autoscaling_errors,
)
from knlab.embedded.serving.validation_domains import mapping_errors
from knlab.embedded.serving.validation_template import (
    AdmissionConfig,
    concurrency_errors,
    revision_spec_errors,
    template_errors,
)
from knlab.embedded.serving.validation_traffic import traffic_errors

_BACKEND: Final = ("serviceNamespace", "serviceName", "servicePort")


def service_errors(new: Object, old: Object | None, config: AdmissionConfig) -> Errors:
    """What is wrong with a Service."""
    spec = new.get("spec") or {}
    errors = via(_metadata_errors(new) + _rollout_errors(new), "metadata")
    errors += via(
        via(template_errors(spec.get("template") or {}, new, config), "template")
        + traffic_errors(spec.get("traffic") or [], in_service=True),
        "spec",
    )
    if old is not None:
        errors += _modifier_errors(old, new) + _name_change_errors(old, new)
    return errors


def configuration_errors(new: Object, old: Object | None, config: AdmissionConfig) -> Errors:
    """What is wrong with a Configuration."""
    template = (new.get("spec") or {}).get("template") or {}
    errors = via(_metadata_errors(new) + _owner_errors(new, keys.SERVICE, "Service"), "metadata")
    errors += via(template_errors(template, new, config), "spec.template")
    if old is not None:
        if not new["metadata"].get("ownerReferences"):
            errors += _modifier_errors(old, new)
        errors += _name_change_errors(old, new)
    return errors


def route_errors(new: Object, old: Object | None, _config: AdmissionConfig) -> Errors:
    """What is wrong with a Route."""
    owner = _owner_errors(new, keys.SERVICE, "Service")
    errors = via(_metadata_errors(new) + owner + _rollout_errors(new), "metadata")
    traffic = (new.get("spec") or {}).get("traffic") or []
    errors += via(traffic_errors(traffic, in_service=False), "spec")
    if old is not None and not new["metadata"].get("ownerReferences"):
        errors += _modifier_errors(old, new)
    return errors


def revision_errors(new: Object, old: Object | None, config: AdmissionConfig) -> Errors:
    """What is wrong with a Revision; its spec never changes."""
    found = autoscaling_errors(annotations_of(new), config.autoscaler)
    owner = _owner_errors(new, keys.CONFIGURATION, "Configuration")
    errors = via(_name_errors(new) + via(found, "annotations") + owner, "metadata")
    spec = new.get("spec") or {}
    if old is None:
        return errors + via(revision_spec_errors(spec, config), "spec")
    difference = revision_difference(old.get("spec") or {}, spec)
    if difference:
        return generic("Immutable fields changed (-old +new)", "spec", details=difference)
    return errors


def pod_autoscaler_errors(new: Object, _old: Object | None, config: AdmissionConfig) -> Errors:
    """What is wrong with a PodAutoscaler."""
    found = autoscaling_errors(annotations_of(new), config.autoscaler)
    errors = via(_name_errors(new) + via(found, "annotations"), "metadata")
    spec = new.get("spec") or {}
    if not spec:
        return errors + missing("spec")
    target = spec.get("scaleTargetRef") or {}
    absent = [field for field in ("apiVersion", "kind", "name") if not target.get(field)]
    found = via(missing(*absent), "scaleTargetRef") if absent else []
    found += concurrency_errors(spec.get("containerConcurrency"), config.defaults)
    return errors + via(found + _protocol_errors(spec), "spec")


def serverless_service_errors(new: Object, _old: Object | None, _config: AdmissionConfig) -> Errors:
    """What is wrong with a ServerlessService."""
    spec = new.get("spec") or {}
    if not spec:
        return missing("spec")
    mode = spec.get("mode", "")
    errors = [] if mode in {"Serve", "Proxy"} else _mode_errors(mode)
    target = spec.get("objectRef") or {}
    absent = [field for field in ("apiVersion", "kind", "name") if not target.get(field)]
    errors += via(missing(*absent), "objectRef") if absent else []
    return via(errors + _protocol_errors(spec), "spec")


def _mode_errors(mode: str) -> Errors:
    return invalid(mode, "mode") if mode else missing("mode")


def _protocol_errors(spec: Object) -> Errors:
    protocol = spec.get("protocolType", "")
    if protocol in {"http1", "h2c"}:
        return []
    return invalid(protocol, "protocolType") if protocol else missing("protocolType")


def ingress_errors(new: Object, _old: Object | None, _config: AdmissionConfig) -> Errors:
    """What is wrong with an Ingress."""
    spec = new.get("spec") or {}
    if not any(spec.values()):
        return missing("spec")
    rules = spec.get("rules") or []
    errors = [] if rules else missing("rules")
    for index, rule in enumerate(rules):
        errors += via_index(_rule_errors(rule, new["metadata"]), "rules", index)
    for index, secret in enumerate(spec.get("tls") or ()):
        absent = [name for name in ("secretName", "secretNamespace") if not secret.get(name)]
        found = missing(*absent) if any(secret.values()) else missing(CURRENT)
        errors += via_index(found if absent else [], "tls", index)
    option = spec.get("httpOption", "")
    if option not in {"", "Enabled", "Redirected"}:
        errors += invalid(option, "httpOption")
    return via(errors, "spec")


def _rule_errors(rule: Object, metadata: Object) -> Errors:
    if "http" not in rule:
        return missing("http")
    paths = rule["http"].get("paths") or []
    errors = [] if paths else missing("paths")
    for index, path in enumerate(paths):
        found = _splits_errors(path, metadata.get("namespace", ""))
        errors += via_index(found, "paths", index)
    return via(errors, "http")


def _splits_errors(path: Object, namespace: str) -> Errors:
    splits = path.get("splits") or []
    if not splits:
        return missing("splits")
    for index, split in enumerate(splits):
        if found := _split_errors(split, namespace):
            return via_index(found, "splits", index)
    total = sum(split.get("percent") or 0 for split in splits)
    if total == 100 or (len(splits) == 1 and total == 0):
        return []
    return generic(f"traffic split percentage must total to 100, but was {total}", "splits")


def _split_errors(split: Object, namespace: str) -> Errors:
    percent = split.get("percent") or 0
    errors = [] if 0 <= percent <= 100 else invalid(percent, "percent")
    absent = [name for name in _BACKEND if not split.get(name)]
    if len(absent) == len(_BACKEND):
        return errors + missing(CURRENT)
    if split.get("serviceNamespace") not in {None, "", namespace}:
        text = "service namespace must match ingress namespace"
        errors += generic(text, "serviceNamespace")
    return errors + (missing(*absent) if absent else [])


def domain_mapping_errors(new: Object, old: Object | None, _config: AdmissionConfig) -> Errors:
    """What is wrong with a DomainMapping."""
    errors = mapping_errors(new)
    return errors if old is None else errors + _modifier_errors(old, new)


def certificate_errors(_new: Object, _old: Object | None, _config: AdmissionConfig) -> Errors:
    """The refusal of any Certificate: the embedded cluster has no TLS."""
    return generic("Certificate is not supported by the embedded cluster: it has no TLS", CURRENT)


Validation = Callable[[Object, Object | None, AdmissionConfig], Errors]

VALIDATIONS: Final[Mapping[GroupResource, Validation]] = {
    SERVICES: service_errors,
    CONFIGURATIONS: configuration_errors,
    ROUTES: route_errors,
    REVISIONS: revision_errors,
    POD_AUTOSCALERS: pod_autoscaler_errors,
    SERVERLESS_SERVICES: serverless_service_errors,
    INGRESSES: ingress_errors,
    DOMAIN_MAPPINGS: domain_mapping_errors,
    CERTIFICATES: certificate_errors,
}
"""The rules of each kind; kinds that are missing here are never refused."""


def _name_errors(obj: Object) -> Errors:
    metadata = obj["metadata"]
    name, prefix = metadata.get("name", ""), metadata.get("generateName", "")
    if prefix and (problems := label_1035_problems(prefix, prefix=True)):
        return generic(f"not a DNS 1035 label prefix: {problems}", "generateName")
    if name and (problems := label_1035_problems(name)):
        return generic(f"not a DNS 1035 label: {problems}", "name")
    return [] if name or prefix else generic("name or generateName is required", "name")


def _metadata_errors(obj: Object) -> Errors:
    found = no_autoscaling_errors(annotations_of(obj))
    return _name_errors(obj) + via(found, "annotations")


def _rollout_errors(obj: Object) -> Errors:
    found = duration_annotation_errors(annotations_of(obj), keys.ROLLOUT_DURATION)
    return via(found, "annotations")


def _owner_errors(obj: Object, label: str, kind: str) -> Errors:
    value = keys.labels_of(obj).get(label)
    references = obj["metadata"].get("ownerReferences") or ()
    owned = any((item["kind"], item["name"]) == (kind, value) for item in references)
    return [] if value is None or owned else via(missing(label), "labels")


def _modifier_errors(old: Object, new: Object) -> Errors:
    before, after = annotations_of(old), annotations_of(new)
    errors: Errors = []
    if before.get(keys.CREATOR) != after.get(keys.CREATOR):
        errors += generic("annotation value is immutable", keys.CREATOR)
    modifier = after.get(keys.LAST_MODIFIER)
    if old.get("spec") == new.get("spec") and before.get(keys.LAST_MODIFIER) != modifier:
        errors += invalid(modifier or "", keys.LAST_MODIFIER)
    return via(errors, "metadata.annotations")


def _name_change_errors(old: Object, new: Object) -> Errors:
    before, after = ((obj.get("spec") or {}).get("template") or {} for obj in (old, new))
    name = (after.get("metadata") or {}).get("name")
    if not name or name != (before.get("metadata") or {}).get("name"):
        return []
    difference = template_difference(before, after)
    if not difference:
        return []
    text = "Saw the following changes without a name change (-old +new)"
    return via(generic(text, "metadata.name", details=difference), "spec.template")
