"""Structural schemas of built-in kinds, made from the field table of Kubernetes' API messages.

With them unknown fields are found and dropped, and values of a wrong type refused.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

Schema = Mapping[str, Any]

_META: Final = "k8s.io.apimachinery.pkg.apis.meta.v1."
_SCALARS: Final[Mapping[str, Schema]] = {
    "string": {"type": "string"},
    "bytes": {"type": "string", "format": "byte"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number"},
}
_ANYTHING: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}
_OPEN_OBJECT: Final[Schema] = {"type": "object", **_ANYTHING}
_SPECIAL: Final[Mapping[str, Schema]] = {
    _META + "Time": {"type": "string", "nullable": True},
    _META + "MicroTime": {"type": "string", "nullable": True},
    _META + "Duration": {"type": "string"},
    _META + "FieldsV1": _OPEN_OBJECT,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _OPEN_OBJECT,
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "k8s.io.apimachinery.pkg.api.resource.Quantity": _ANYTHING,
}
_EMBEDDED: Final = frozenset(
    {
        "volumeSource", "handler", "localObjectReference", "ephemeralContainerCommon",
    }
)  # fmt: skip
"""Members whose fields belong to the message around them."""
_HEAD: Final[Mapping[str, Schema]] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


@cache
def schema_of(message: str) -> Schema:
    """The schema of a kind, by what its message is called in `k8s.io.api`: `apps.v1.Deployment`."""
    return _of({**_object(f"k8s.io.api.{message}")["properties"], **_HEAD})


def webhooks_schema(*, mutating: bool) -> Schema:
    """The schema of a Mutating- or ValidatingWebhookConfiguration; the table does not have it."""
    selector = _object(_META + "LabelSelector")
    strings = {"type": "array", "items": {"type": "string"}}
    service = _fields(name="string", namespace="string", path="string", port="int32")
    client = _fields(url="string", caBundle="bytes")
    rule = dict.fromkeys(("apiGroups", "apiVersions", "operations", "resources"), strings)
    webhook: dict[str, Schema] = {
        **_fields(
            name="string",
            failurePolicy="string",
            matchPolicy="string",
            sideEffects="string",
            timeoutSeconds="int32",
        ),
        **(_fields(reinvocationPolicy="string") if mutating else {}),
        "admissionReviewVersions": strings,
        "clientConfig": _of({**client, "service": _of(service)}),
        "matchConditions": _list(_fields(name="string", expression="string")),
        "namespaceSelector": selector,
        "objectSelector": selector,
        "rules": _list({**rule, **_fields(scope="string")}),
    }
    return _of({**_HEAD, "webhooks": _list(webhook)})


def custom_resource_definition_schema() -> Schema:
    """The schema of a CustomResourceDefinition, which the table does not have."""
    strings = {"type": "array", "items": {"type": "string"}}
    names: dict[str, Schema] = {
        **_fields(plural="string", singular="string", kind="string", listKind="string"),
        "shortNames": strings,
        "categories": strings,
    }
    column = _fields(
        name="string", type="string", format="string", description="string", priority="int32",
        jsonPath="string",
    )  # fmt: skip
    scale = _fields(
        specReplicasPath="string", statusReplicasPath="string", labelSelectorPath="string"
    )
    version: dict[str, Schema] = {
        **_fields(
            name="string",
            served="bool",
            storage="bool",
            deprecated="bool",
            deprecationWarning="string",
        ),
        "schema": _of({"openAPIV3Schema": _OPEN_OBJECT}),
        "subresources": _of({"status": _OPEN_OBJECT, "scale": _of(scale)}),
        "additionalPrinterColumns": _list(column),
        "selectableFields": _list(_fields(jsonPath="string")),
    }
    spec: dict[str, Schema] = {
        **_fields(group="string", scope="string", preserveUnknownFields="bool"),
        "names": _of(names),
        "versions": _list(version),
        "conversion": _OPEN_OBJECT,
    }
    status: dict[str, Schema] = {
        "acceptedNames": _of(names),
        "storedVersions": strings,
        "conditions": _list(
            _fields(
                type="string",
                status="string",
                reason="string",
                message="string",
                lastTransitionTime="string",
                observedGeneration="int64",
            )
        ),
    }
    return _of({**_HEAD, "spec": _of(spec), "status": _of(status)})


def _fields(**scalars: str) -> dict[str, Schema]:
    return {name: _SCALARS[scalar] for name, scalar in scalars.items()}


def _of(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties}


def _list(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "array", "items": _of(properties)}


@cache
def _table() -> Mapping[str, Mapping[str, tuple[str, str, str]]]:
    packed = files("knlab.embedded.kube").joinpath("protobuf_fields.json.gz").read_bytes()
    table: Mapping[str, Mapping[str, tuple[str, str, str]]] = json.loads(gzip.decompress(packed))
    return table


@cache
def _object(message: str) -> Schema:
    properties: dict[str, Schema] = {}
    for name, form, type_name in _table()[message].values():
        if name in _EMBEDDED:
            properties |= _object(type_name)["properties"]
        else:
            properties[name] = _member(form, _value(type_name))
    return _of(properties)


def _member(form: str, value: Schema) -> Schema:
    if form == "r":
        return {"type": "array", "items": value}
    if form == "m":
        return {"type": "object", "additionalProperties": value}
    return value


def _value(type_name: str) -> Schema:
    return _SCALARS.get(type_name) or _SPECIAL.get(type_name) or _object(type_name)
