"""What is refused in the kinds that hold settings, permissions and the cluster's own parts."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from knlab.embedded.builtin.defaults.cluster import RBAC
from knlab.embedded.builtin.validation.causes import (
    duplicate,
    forbidden,
    immutable,
    invalid,
    one_of,
    required,
    too_long,
    unsupported,
)
from knlab.embedded.builtin.validation.names import config_key_errors
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.names import subdomain_errors
from knlab.embedded.kube.objects import Object

_LARGEST: Final = 1024 * 1024
_IMMUTABLE: Final = "field is immutable when `immutable` is set"


def validate_config_map(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a ConfigMap, or with changing `old` into it."""
    found: list[Cause] = []
    parts = {part: new.get(part) or {} for part in ("data", "binaryData")}
    for part, entries in parts.items():
        found += _keys(entries, part)
    found += [
        invalid(f"binaryData[{key}]", key, "duplicate of key present in data")
        for key in parts["binaryData"]
        if key in parts["data"]
    ]
    if sum(len(str(value)) for entries in parts.values() for value in entries.values()) > _LARGEST:
        found.append(too_long("", _LARGEST))
    return found + _frozen(new, old, ("data", "binaryData"))


def validate_secret(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a Secret, or with changing `old` into it."""
    entries = new.get("data") or {}
    found = _keys(entries, "data")
    found += [
        invalid(f"data[{key}]", "<secret contents redacted>", "must be base64")
        for key, text in entries.items()
        if not _is_base64(text)
    ]
    if new.get("type") == "kubernetes.io/tls":
        found += [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in entries]
    if old is not None:
        found += immutable("type", new.get("type"), old.get("type"))
    return found + _frozen(new, old, ("data",))


def validate_role(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a Role or ClusterRole."""
    found: list[Cause] = []
    for number, rule in enumerate(new.get("rules") or ()):
        here = f"rules[{number}]"
        if not rule.get("verbs"):
            found.append(required(f"{here}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            continue
        if not rule.get("apiGroups"):
            wrong = "resource rules must supply at least one api group"
            found.append(required(f"{here}.apiGroups", wrong))
        if not rule.get("resources"):
            wrong = "resource rules must supply at least one resource"
            found.append(required(f"{here}.resources", wrong))
    return found


def validate_role_binding(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a RoleBinding or ClusterRoleBinding; what it refers to never changes."""
    found: list[Cause] = []
    role: Object = new.get("roleRef") or {}
    if role.get("apiGroup") != RBAC:
        found.append(unsupported("roleRef.apiGroup", role.get("apiGroup"), (RBAC,)))
    if role.get("kind") not in {"Role", "ClusterRole"}:
        found.append(unsupported("roleRef.kind", role.get("kind", ""), ("ClusterRole", "Role")))
    if not role.get("name"):
        found.append(required("roleRef.name"))
    for number, subject in enumerate(new.get("subjects") or ()):
        here = f"subjects[{number}]"
        if not subject.get("name"):
            found.append(required(f"{here}.name"))
        anywhere = "namespace" not in new["metadata"]  # a RoleBinding's own namespace will do
        if anywhere and subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            found.append(required(f"{here}.namespace"))
    if old is not None and old.get("roleRef") != role:
        found.append(invalid("roleRef", role, "cannot change roleRef"))
    return found


def validate_webhooks(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a Mutating- or ValidatingWebhookConfiguration."""
    found: list[Cause] = []
    names: set[str] = set()
    for number, webhook in enumerate(new.get("webhooks") or ()):
        here = f"webhooks[{number}]"
        found += _webhook(webhook, here)
        if webhook.get("name") in names:
            found.append(duplicate(f"{here}.name", webhook["name"]))
        names.add(webhook.get("name", ""))
    return found


def validate_lease(new: Object, _old: Object | None) -> list[Cause]:
    """What is wrong with a Lease."""
    seconds = (new.get("spec") or {}).get("leaseDurationSeconds")
    if seconds is None or seconds > 0:
        return []
    return [invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")]


def _webhook(webhook: Object, path: str) -> list[Cause]:
    name = webhook.get("name") or ""
    found: list[Cause] = []
    found += [invalid(f"{path}.name", name, wrong) for wrong in subdomain_errors(name)]
    if not found and name.count(".") < 2:
        wrong = "should be a domain with at least three segments separated by dots"
        found.append(invalid(f"{path}.name", name, wrong))
    if not webhook.get("admissionReviewVersions"):
        wrong = "must specify one of v1, v1beta1"
        found.append(required(f"{path}.admissionReviewVersions", wrong))
    if webhook.get("sideEffects") not in {"None", "NoneOnDryRun"}:
        side = webhook.get("sideEffects", "")
        found.append(unsupported(f"{path}.sideEffects", side, ("None", "NoneOnDryRun")))
    found += one_of(webhook, path, "failurePolicy", ("Fail", "Ignore"))
    client: Object = webhook.get("clientConfig") or {}
    if bool(client.get("url")) == bool(client.get("service")):
        wrong = "exactly one of url or service is required"
        found.append(required(f"{path}.clientConfig", wrong))
    return found


def _keys(entries: Mapping[str, Any], part: str) -> list[Cause]:
    return [
        invalid(f"{part}[{key}]", key, wrong) for key in entries for wrong in config_key_errors(key)
    ]


def _frozen(new: Object, old: Object | None, parts: tuple[str, ...]) -> list[Cause]:
    if old is None or not old.get("immutable"):
        return []
    return [
        forbidden(part, _IMMUTABLE)
        for part in ("immutable", *parts)
        if new.get(part) != old.get(part)
    ]


def _is_base64(text: Any) -> bool:
    try:
        b64decode("".join(str(text).split()), validate=True)
    except ValueError:
        return False
    return True
