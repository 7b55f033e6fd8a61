"""From CustomResourceDefinitions to rows of the registry, and who may have which names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from knlab.embedded.kube.objects import GroupResource, Object, is_true
from knlab.embedded.kube.registry import Column, Registry, Resource, ScalePaths

_RESOURCE_NAMES: Final = ("plural", "singular")
VERBS: Final = (
    "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
)  # fmt: skip
"""In the order in which discovery shows them for custom resources."""

_KIND_NAMES: Final = ("kind", "listKind")


def rows_of(crd: Object) -> list[Resource]:
    """One row for each served version of `crd`, the storage version among them."""
    return [_row(crd, version) for version in crd["spec"]["versions"] if version.get("served")]


def instances_of(crd: Object) -> GroupResource:
    """Where the objects of `crd` are stored."""
    return GroupResource(crd["spec"]["group"], crd["spec"]["names"]["plural"])


def refresh(registry: Registry, crds: Iterable[Object]) -> None:
    """Make `registry` serve exactly the custom resources that `crds` (all of them) define.

    Call it after every write to a CustomResourceDefinition, and once at the start. A definition
    that is going away is served until it is gone; one whose names are taken is not served.
    """
    wanted: dict[tuple[str, str, str], Resource] = {}
    served: list[Object] = []
    for crd in sorted(crds, key=_seniority):
        if name_conflicts(crd, served):
            continue
        served.append(crd)
        wanted |= {(row.group, row.version, row.plural): row for row in rows_of(crd)}
    for row in registry:
        place = row.group, row.version, row.plural
        if not row.strategic_merge and place not in wanted:
            registry.remove(row)
    for place, row in wanted.items():
        if registry.find(*place) != row:
            registry.add(row)


def name_conflicts(crd: Object, others: Iterable[Object]) -> dict[str, str]:
    """Which names that `crd` wants belong to `others` of its group: field → Kubernetes' message."""
    rivals = [
        other["spec"]["names"]
        for other in others
        if other["metadata"]["name"] != crd["metadata"]["name"]
        and other["spec"]["group"] == crd["spec"]["group"]
    ]
    taken = {name for names in rivals for name in _resource_words(names)}
    kinds = {names.get(field) for names in rivals for field in _KIND_NAMES}
    names: Object = crd["spec"]["names"]
    found = {
        field: f'"{names[field]}" is already in use'
        for field in (*_RESOURCE_NAMES, *_KIND_NAMES)
        if names.get(field) in (kinds if field in _KIND_NAMES else taken)
    }
    short = [name for name in names.get("shortNames") or () if name in taken]
    if short:
        found["shortNames"] = ", ".join(f'"{name}" is already in use' for name in short)
    return found


def accepted_before(crd: Object, others: Iterable[Object]) -> list[Object]:
    """Those of `others` whose names were accepted, or come first because they are older."""
    return [
        other
        for other in others
        if other["metadata"]["name"] != crd["metadata"]["name"]
        and (is_true(other, "NamesAccepted") or _seniority(other) < _seniority(crd))
    ]


def _seniority(crd: Object) -> tuple[bool, str, str]:
    metadata = crd["metadata"]
    accepted = is_true(crd, "NamesAccepted")
    return not accepted, metadata.get("creationTimestamp", ""), metadata["name"]


def _resource_words(names: Object) -> list[str]:
    listed = [names.get(field, "") for field in _RESOURCE_NAMES]
    return [*listed, *(names.get("shortNames") or ())]


def _row(crd: Object, version: Object) -> Resource:
    spec: Object = crd["spec"]
    names: Object = spec["names"]
    subresources: Object = version.get("subresources") or {}
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        singular=names.get("singular", ""),
        list_kind=names.get("listKind", ""),
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        has_status="status" in subresources,
        scale=_scale(subresources.get("scale")),
        columns=tuple(_column(item) for item in version.get("additionalPrinterColumns") or ()),
        schema=(version.get("schema") or {}).get("openAPIV3Schema"),
        strategic_merge=False,
        verbs=VERBS,
        deprecation=_deprecation(crd, version),
        field_selectors=tuple(
            item["jsonPath"].lstrip(".") for item in version.get("selectableFields") or ()
        ),
        stored_as=instances_of(crd),
        is_storage_version=bool(version.get("storage")),
    )


def _deprecation(crd: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    spec: Object = crd["spec"]
    said = f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"
    return str(version.get("deprecationWarning") or said)


def _scale(paths: Any) -> ScalePaths | None:
    if paths is None:
        return None
    return ScalePaths(
        spec_replicas=paths.get("specReplicasPath", ""),
        status_replicas=paths.get("statusReplicasPath", ""),
        label_selector=paths.get("labelSelectorPath", ""),
    )


def _column(item: Object) -> Column:
    path = item["jsonPath"]
    described = f"Custom resource definition column (in JSONPath format): {path}"
    return Column(
        item["name"],
        item["type"],
        path=path,
        format=item.get("format", ""),
        description=item.get("description") or described,
        priority=item.get("priority", 0),
    )
