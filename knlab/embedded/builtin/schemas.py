"""Schemas of Kubernetes' own kinds, from what Kubernetes publishes about them.

Of a structural schema (`schema_of`) only shapes are used: with them unknown fields are found and
dropped, values of a wrong type refused, lists merged. What a field must be like is checked by
`builtin.validation`, as in Kubernetes. `published` is the whole, with descriptions, for clients.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import orjson

from knlab.embedded.kube.openapi import Published
from knlab.embedded.kube.openapi_paths import REFERENCE

Schema = Mapping[str, Any]

_SCHEMAS: Final = "kubernetes_schemas.json.gz"
_DESCRIPTIONS: Final = "kubernetes_descriptions.json.gz"

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_EXTENSIONS: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_ANYTHING: Final[Schema] = {"x-kubernetes-preserve-unknown-fields": True}
_TIME: Final[Schema] = {"type": "string", "nullable": True}
_SPECIAL: Final[Mapping[str, Schema]] = {
    f"{_META}Time": _TIME,
    f"{_META}MicroTime": _TIME,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _ANYTHING,
    f"{_EXTENSIONS}JSONSchemaProps": {"type": "object", **_ANYTHING},
}
"""Types that are something else in JSON than their fields say, or contain themselves."""
_SHAPE: Final = (
    "type", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy",
)  # fmt: skip
"""What a structural schema keeps of each schema; no defaults, enums or required fields."""
_INNER: Final = frozenset({"properties", "additionalProperties"})
_CHECKED_FORMATS: Final = frozenset({"int32", "int64", "byte", "double"})


def schema_of(kind: str) -> Schema:
    """The structural schema of a kind, by what follows `io.k8s.api.`: `apps.v1.Deployment`."""
    return _structural(f"io.k8s.api.{kind}")


def custom_resource_definition_schema() -> Schema:
    """The structural schema of a CustomResourceDefinition."""
    return _structural(f"{_EXTENSIONS}CustomResourceDefinition")


@cache
def _structural(name: str) -> Schema:
    """The component `name` with its references resolved; equal parts are shared."""
    return _SPECIAL.get(name) or _shape(components()[name])


def _shape(schema: Schema) -> Schema:
    made = {key: schema[key] for key in _SHAPE if key in schema}
    if made.get("format") not in _CHECKED_FORMATS:
        made.pop("format", None)
    if "$ref" in schema:
        return {**_structural(schema["$ref"]), **made}
    if "properties" in schema:
        made["properties"] = {key: _shape(each) for key, each in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            made[key] = _shape(schema[key])
    is_open = made.get("type") == "object" and not made.keys() & _INNER
    return {**made, **_ANYTHING} if is_open or "type" not in made else made


@cache
def components() -> Mapping[str, Schema]:
    """All published schemas by name, whole but without descriptions; `$ref` is a name."""
    return cast("Mapping[str, Schema]", orjson.loads(gzip.decompress(_packed(_SCHEMAS))))


def _packed(name: str) -> bytes:
    return files(__package__).joinpath("data", name).read_bytes()


@cache
def _version() -> str:
    return hashlib.sha256(_packed(_SCHEMAS) + _packed(_DESCRIPTIONS)).hexdigest()


def _described() -> dict[str, Any]:
    """All components as an OpenAPI v3 document has them."""
    texts: Mapping[str, Mapping[str, str]]
    texts = orjson.loads(gzip.decompress(_packed(_DESCRIPTIONS)))
    return {name: dict(_told(schema, texts.get(name, {}))) for name, schema in components().items()}


def _told(schema: Schema, texts: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if "" in texts:
        yield "description", texts[""]
    for key, value in schema.items():
        if key == "properties":
            yield (
                key,
                {field: _with_references(each, texts.get(field)) for field, each in value.items()},
            )
        else:
            yield key, _with_references(value) if isinstance(value, dict) else value


def _with_references(schema: Schema, description: str | None = None) -> Schema:
    """`schema` with its references written as OpenAPI has them: inside `allOf` beside others."""
    made: dict[str, Any] = {} if description is None else {"description": description}
    for key, value in schema.items():
        if key == "$ref":
            target = {"$ref": f"{REFERENCE}{value}"}
            made |= target if len(schema) == 1 and not made else {"allOf": [target]}
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            made[key] = _with_references(value)
        else:
            made[key] = value
    return made


PUBLISHED: Final = Published(_version, _described)
"""What Kubernetes publishes about its kinds, for clients that ask."""
