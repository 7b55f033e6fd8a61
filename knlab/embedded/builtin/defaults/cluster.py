"""Defaults of the kinds that hold settings, permissions and the cluster's own parts."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from knlab.embedded.builtin.defaults.fill import fill
from knlab.embedded.kube.objects import Object

RBAC: Final = "rbac.authorization.k8s.io"


def default_namespace(new: Object, old: Object | None) -> Object:
    """A Namespace with the label of its name, its finalizer and its phase."""
    metadata: Object = new["metadata"]
    if name := metadata.get("name"):
        metadata["labels"] = (metadata.get("labels") or {}) | {"kubernetes.io/metadata.name": name}
    if old is None:
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}
    elif not old["metadata"].get("deletionTimestamp"):
        new["spec"] = old.get("spec") or {}
    return new


def finalized(namespace: Object, new: Object) -> Object:
    """`namespace` with the finalizers in the spec of `new`; without any it can go."""
    namespace["spec"] = {"finalizers": (new.get("spec") or {}).get("finalizers") or []}
    return namespace


def default_secret(new: Object, _old: Object | None) -> Object:
    """A Secret with its `stringData` folded into `data`."""
    fill(new, type="Opaque")
    for key, text in (new.pop("stringData", None) or {}).items():
        new.setdefault("data", {})[key] = b64encode(str(text).encode()).decode()
    return new


def default_event(new: Object, _old: Object | None) -> Object:
    """An Event with the fields that must be present even if empty."""
    new.setdefault("eventTime", None)
    for name in ("reportingComponent", "reportingInstance"):
        new.setdefault(name, "")
    new.setdefault("source", {})
    return new


def default_role_binding(new: Object, _old: Object | None) -> Object:
    """A RoleBinding or ClusterRoleBinding with the API groups of what it names."""
    fill(new.setdefault("roleRef", {}), apiGroup=RBAC)
    for subject in new.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            fill(subject, apiGroup=RBAC)
    return new


def default_webhooks(new: Object, _old: Object | None) -> Object:
    """A ValidatingWebhookConfiguration with Kubernetes' defaults."""
    for webhook in new.get("webhooks") or ():
        fill(webhook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        fill(webhook, namespaceSelector={}, objectSelector={})
        for rule in webhook.get("rules") or ():
            fill(rule, scope="*")
        if service := (webhook.get("clientConfig") or {}).get("service"):
            fill(service, port=443)
    return new


def default_mutating_webhooks(new: Object, old: Object | None) -> Object:
    """A MutatingWebhookConfiguration with Kubernetes' defaults."""
    for webhook in new.get("webhooks") or ():
        fill(webhook, reinvocationPolicy="Never")
    return default_webhooks(new, old)


def default_custom_resource_definition(new: Object, old: Object | None) -> Object:
    """A CustomResourceDefinition with the names that follow from its kind."""
    spec: Object = new.setdefault("spec", {})
    names: Object = spec.setdefault("names", {})
    if kind := names.get("kind"):
        fill(names, singular=kind.lower(), listKind=f"{kind}List")
    fill(spec, conversion={"strategy": "None"})
    if old is None:
        stored = [item.get("name") for item in spec.get("versions") or () if item.get("storage")]
        new["status"] = {
            "acceptedNames": {"kind": "", "plural": ""},
            "conditions": [],
            "storedVersions": stored,
        }
    return new
