"""What is refused in CustomResourceDefinitions."""

from __future__ import annotations

from typing import Final

from knlab.embedded.builtin.validation.causes import (
    duplicate,
    immutable,
    invalid,
    required,
    unsupported,
)
from knlab.embedded.builtin.validation.custom_resource_versions import (
    patterns_in,
    rules_in,
    selectable_fields,
)
from knlab.embedded.kube.errors import Cause
from knlab.embedded.kube.jsonpath import PathError, compile_path
from knlab.embedded.kube.names import dns1035_errors, subdomain_errors
from knlab.embedded.kube.objects import Object

_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_PROTECTED: Final = (".k8s.io", ".kubernetes.io")
_APPROVAL: Final = "api-approved.kubernetes.io"


def validate_custom_resource_definition(new: Object, old: Object | None) -> list[Cause]:
    """What is wrong with a CustomResourceDefinition, or with changing `old` into it."""
    spec: Object = new.get("spec") or {}
    names: Object = spec.get("names") or {}
    found: list[Cause] = []
    name = new["metadata"].get("name", "")
    if name != f"{names.get('plural', '')}.{spec.get('group', '')}":
        wrong = 'must be spec.names.plural+"."+spec.group'
        found.append(invalid("metadata.name", name, wrong))
    found += _group(spec.get("group") or "")
    found += _scope(spec.get("scope") or "")
    found += _names(names)
    found += _versions(spec.get("versions") or [])
    found += _conversion(spec.get("conversion") or {}, spec.get("versions") or [])
    if spec.get("preserveUnknownFields"):
        wrong = "must be false in order to use v1: use x-kubernetes-preserve-unknown-fields instead"
        kept = spec["preserveUnknownFields"]
        found.append(invalid("spec.preserveUnknownFields", kept, wrong))
    found += _approved(new)
    if old is not None:
        before: Object = old.get("spec") or {}
        for field in ("group", "scope"):
            found += immutable(f"spec.{field}", spec.get(field), before.get(field))
        for field in ("plural", "kind"):
            was = (before.get("names") or {}).get(field)
            found += immutable(f"spec.names.{field}", names.get(field), was)
    return found


def _group(group: str) -> list[Cause]:
    if not group:
        return [required("spec.group")]
    found = [invalid("spec.group", group, wrong) for wrong in subdomain_errors(group)]
    if not found and "." not in group:
        found.append(invalid("spec.group", group, "should be a domain with at least one dot"))
    return found


def _scope(scope: str) -> list[Cause]:
    if not scope:
        return [required("spec.scope")]
    allowed = ("Cluster", "Namespaced")
    return [] if scope in allowed else [unsupported("spec.scope", scope, allowed)]


def _names(names: Object) -> list[Cause]:
    found: list[Cause] = []
    for field in ("plural", "singular", "kind", "listKind"):
        name = names.get(field) or ""
        mixed = field in {"kind", "listKind"}
        lead = "may have mixed case, but should otherwise match: " if mixed else ""
        if not name:
            found.append(required(f"spec.names.{field}"))
            continue
        errors = dns1035_errors(name.lower() if mixed else name)
        found += [invalid(f"spec.names.{field}", name, lead + wrong) for wrong in errors]
    for field in ("shortNames", "categories"):
        for number, word in enumerate(names.get(field) or ()):
            found += [
                invalid(f"spec.names.{field}[{number}]", word, wrong)
                for wrong in dns1035_errors(word)
            ]
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        wrong = "kind and listKind may not be the same"
        found.append(invalid("spec.names.listKind", names["listKind"], wrong))
    return found


def _versions(versions: list[Object]) -> list[Cause]:
    found: list[Cause] = []
    seen: set[str] = set()
    for number, version in enumerate(versions):
        here = f"spec.versions[{number}]"
        name = version.get("name") or ""
        found += [invalid(f"{here}.name", name, wrong) for wrong in dns1035_errors(name)]
        if name in seen:
            found.append(duplicate(f"{here}.name", name))
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            found.append(required(f"{here}.schema.openAPIV3Schema"))
        elif schema.get("type") != "object":
            found.append(_not_an_object(schema, f"{here}.schema.openAPIV3Schema.type"))
        found += rules_in(schema, f"{here}.schema.openAPIV3Schema")
        # What all versions share is named without the version, as if it were the spec's.
        shared = "spec" if len(versions) == 1 else here
        holder = "spec.validation" if len(versions) == 1 else f"{here}.schema"
        found += patterns_in(schema, f"{holder}.openAPIV3Schema")
        found += selectable_fields(version, f"{shared}.selectableFields")
        for place, column in enumerate(version.get("additionalPrinterColumns") or ()):
            found += _column(column, f"{here}.additionalPrinterColumns[{place}]")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        wrong = "must have exactly one version marked as storage version"
        found.append(invalid("spec.versions", versions, wrong))
    return found


def _not_an_object(schema: Object, path: str) -> Cause:
    kind = schema.get("type")
    if not kind:
        return required(path, "must not be empty at the root")
    return invalid(path, kind, "must be object at the root")


def _column(column: Object, path: str) -> list[Cause]:
    found: list[Cause] = []
    listed = f"must be one of {','.join(_COLUMN_TYPES)}"
    kind = column.get("type") or ""
    if not column.get("name"):
        found.append(required(f"{path}.name"))
    if not kind:
        found.append(required(f"{path}.type", listed))
    elif kind not in _COLUMN_TYPES:
        found.append(invalid(f"{path}.type", kind, listed))
    where = column.get("jsonPath") or ""
    if not where:
        found.append(required(f"{path}.JSONPath"))
        return found
    try:
        compile_path(where)
    except PathError as problem:
        found.append(invalid(f"{path}.JSONPath", where, f"is an invalid JSONPath: {problem}"))
    return found


def _conversion(conversion: Object, versions: list[Object]) -> list[Cause]:
    strategy = conversion.get("strategy", "None")
    if strategy == "None":
        return []
    if strategy != "Webhook":
        return [unsupported("spec.conversion.strategy", strategy, ("None", "Webhook"))]
    if not (conversion.get("webhook") or {}).get("clientConfig"):
        wrong = "required when strategy is set to Webhook"
        return [required("spec.conversion.webhook.clientConfig", wrong)]
    if sum(bool(version.get("served")) for version in versions) > 1:
        wrong = "this server calls no conversion webhooks; serve one version or use None"
        return [invalid("spec.conversion.strategy", strategy, wrong)]
    return []


def _approved(crd: Object) -> list[Cause]:
    group = "." + ((crd.get("spec") or {}).get("group") or "")
    annotations = crd["metadata"].get("annotations") or {}
    if not group.endswith(_PROTECTED) or annotations.get(_APPROVAL):
        return []
    return [
        required(
            f"metadata.annotations[{_APPROVAL}]",
            f'protected groups must have approval annotation "{_APPROVAL}", see'
            " https://github.com/kubernetes/enhancements/pull/1111",
        )
    ]
