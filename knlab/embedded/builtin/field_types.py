"""The field types of built-in kinds, from what Kubernetes publishes about them."""

from __future__ import annotations

from functools import cache
from typing import Final

from knlab.embedded.builtin.schemas import components
from knlab.embedded.kube.field_types import (
    DEDUCED,
    OBJECT_META,
    UNTYPED,
    Definitions,
    FieldType,
    ListType,
    MapType,
)
from knlab.embedded.kube.registry import Resource

_MACHINERY: Final = "io.k8s.apimachinery.pkg."
_EXTENSIONS: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_KNOWN: Final = {
    f"{_MACHINERY}apis.meta.v1.ObjectMeta": OBJECT_META,
    f"{_MACHINERY}api.resource.Quantity": UNTYPED,
    f"{_MACHINERY}util.intstr.IntOrString": UNTYPED,
    f"{_MACHINERY}runtime.RawExtension": FieldType(
        "untyped", MapType(atomic=True, others=UNTYPED), ListType(items=UNTYPED)
    ),
    f"{_EXTENSIONS}JSONSchemaProps": DEDUCED,  # contains itself, but only in an atomic list
}


def field_type_of(row: Resource) -> FieldType | None:
    """How the objects of a built-in kind are owned; None for kinds that are not published."""
    package = row.group.partition(".")[0] or "core"
    names = (f"io.k8s.api.{package}.{row.version}.{row.kind}", f"{_EXTENSIONS}{row.kind}")
    name = next((name for name in names if name in components()), None)
    return None if name is None else _definitions()[name]


@cache
def _definitions() -> Definitions:
    return Definitions(components(), _KNOWN)
