"""What a field is made of, as far as it matters for who owns it and how lists merge.

A map or list is atomic (one owner for all of it) or not: then every key, and every item of a list
with keys or of a set, has owners of its own. Kubernetes takes this from the extensions
`x-kubernetes-list-type`, `x-kubernetes-list-map-keys` and `x-kubernetes-map-type` of a schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Scalar: TypeAlias = Literal["string", "numeric", "boolean", "untyped"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MapType:
    """A map; `fields` are the declared ones."""

    atomic: bool = False
    fields: Mapping[str, FieldType] = field(default_factory=dict)
    others: FieldType | None = None
    """The type under every other key; None: there may be no others."""
    always: Mapping[str, Any] = field(default_factory=dict)
    """What an object without these fields counts as having: Go's zero values of its structs."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ListType:
    """A list: atomic, of items that `keys` tell apart, or a set of scalars."""

    items: FieldType
    kind: Literal["atomic", "map", "set"] = "atomic"
    keys: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values of keys that an item may leave out."""
    merge_key: str | None = None
    """How a strategic merge patch merges the list: by this key, as a set (""), or not (None)."""


@dataclass(frozen=True, slots=True, eq=False)
class FieldType:
    """What may stand in a field: any of those that are given."""

    scalar: Scalar | None = None
    map: MapType | None = None
    list: ListType | None = None


STRING: Final = FieldType(scalar="string")
NUMBER: Final = FieldType(scalar="numeric")
BOOLEAN: Final = FieldType(scalar="boolean")
UNTYPED: Final = FieldType(scalar="untyped")
ATOMIC_MAP: Final = FieldType(map=MapType(atomic=True))
ATOMIC_LIST: Final = FieldType(list=ListType(items=UNTYPED))


_ANY_KEYS: Final = MapType()
DEDUCED: Final = FieldType("untyped", _ANY_KEYS, ListType(items=UNTYPED))
object.__setattr__(_ANY_KEYS, "others", DEDUCED)  # a type that contains itself
"""What no schema describes: every key of a map has owners of its own, a list is atomic."""

_STRINGS: Final = FieldType(map=MapType(others=STRING))
OBJECT_META: Final = FieldType(
    map=MapType(
        fields={
            "annotations": _STRINGS,
            "creationTimestamp": UNTYPED,
            "deletionGracePeriodSeconds": NUMBER,
            "deletionTimestamp": UNTYPED,
            "finalizers": FieldType(list=ListType(items=STRING, kind="set", merge_key="")),
            "generateName": STRING,
            "generation": NUMBER,
            "labels": _STRINGS,
            "managedFields": ATOMIC_LIST,
            "name": STRING,
            "namespace": STRING,
            "ownerReferences": FieldType(
                list=ListType(items=ATOMIC_MAP, kind="map", keys=("uid",), merge_key="uid")
            ),
            "resourceVersion": STRING,
            "selfLink": STRING,
            "uid": STRING,
        }
    )
)
"""The metadata of every object."""
_EVERY_OBJECT: Final = {"apiVersion": STRING, "kind": STRING, "metadata": OBJECT_META}
ANY_OBJECT: Final = FieldType(
    map=MapType(fields=_EVERY_OBJECT, others=DEDUCED, always={"metadata": {}})
)
"""An object of which nothing but its metadata is known."""

_SCALARS: Final[Mapping[str, FieldType]] = {
    "integer": NUMBER, "number": NUMBER, "boolean": BOOLEAN, "string": STRING,
}  # fmt: skip


def object_type(schema: Schema | None) -> FieldType:
    """The type of the custom resources that `schema` (OpenAPI v3, structural) describes."""
    if schema is None:
        return ANY_OBJECT
    found = Definitions({}).read(schema).map or MapType()
    fields = {**found.fields, **_EVERY_OBJECT}
    return FieldType(map=MapType(fields=fields, others=found.others, always={"metadata": {}}))


class Definitions:
    """The field types of schemas that refer to each other by name, made when they are asked for."""

    def __init__(
        self, schemas: Mapping[str, Schema], known: Mapping[str, FieldType] | None = None
    ) -> None:
        """`schemas` describe Go's structures; of those in `known` the type is given."""
        self._schemas = schemas
        self._types = dict(known or {})

    def __getitem__(self, name: str) -> FieldType:
        """The type of the definition `name`."""
        found = self._types.get(name)
        if found is None:
            found = self._types[name] = self.read(self._schemas[name])
        return found

    def read(self, schema: Schema, *, keeps_unknown: bool = False) -> FieldType:
        """The type of a field with `schema`; `keeps_unknown` if something around it keeps all."""
        if "$ref" in schema:
            return self._referred(schema)
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            keeps_unknown = True
        match schema.get("type"):
            case "object":
                return FieldType(map=self._map(schema, keeps_unknown=keeps_unknown))
            case "array":
                return FieldType(list=self._list(schema, keeps_unknown=keeps_unknown))
            case "string" if schema.get("format", "byte") != "byte":
                return UNTYPED
            case str() as kind:
                return _SCALARS.get(kind, UNTYPED)
            case _:
                inside = self._map(schema, keeps_unknown=keeps_unknown)
                return FieldType("untyped", inside, self._list(schema, keeps_unknown=keeps_unknown))

    def _referred(self, schema: Schema) -> FieldType:
        found = self[schema["$ref"]]
        if found.map and schema.get("x-kubernetes-map-type") == "atomic":
            return replace(found, map=replace(found.map, atomic=True))
        return found

    def _map(self, schema: Schema, *, keeps_unknown: bool) -> MapType:
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        others: FieldType | None = None
        if isinstance(additional, Mapping):
            others = self.read(additional, keeps_unknown=keeps_unknown)
        elif additional or (additional is None and (keeps_unknown or not properties)):
            others = DEDUCED
        return MapType(
            atomic=schema.get("x-kubernetes-map-type") == "atomic",
            fields={
                name: self.read(inner, keeps_unknown=keeps_unknown)
                for name, inner in properties.items()
            },
            others=others,
            always=dict(_zero_values(schema, properties)) if self._schemas else {},
        )

    def _list(self, schema: Schema, *, keeps_unknown: bool) -> ListType:
        items: Schema = schema.get("items") or {}
        item_type = self.read(items, keeps_unknown=keeps_unknown) if items else UNTYPED
        merges = "merge" in schema.get("x-kubernetes-patch-strategy", "").split(",")
        merge_key = schema.get("x-kubernetes-patch-merge-key", "") if merges else None
        match schema.get("x-kubernetes-list-type"):
            case "set":
                return ListType(items=item_type, kind="set", merge_key=merge_key)
            case "map":
                keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys") or ())
                described = self._schemas.get(items.get("$ref", ""), items).get("properties") or {}
                return ListType(
                    items=item_type,
                    kind="map",
                    keys=keys,
                    defaults={
                        key: described[key]["default"]
                        for key in keys
                        if "default" in described.get(key, {})
                    },
                    merge_key=merge_key,
                )
            case _:
                return ListType(items=item_type, merge_key=merge_key)


_TIMES: Final = (".Time", ".MicroTime")


def _zero_values(schema: Schema, properties: Mapping[str, Schema]) -> Iterator[tuple[str, Any]]:
    """What a Go structure has in fields that nobody set, and that are not left out then."""
    for name, inner in properties.items():
        if inner.get("$ref", "").endswith(_TIMES):
            yield name, None
        elif inner.get("type") == "array":
            if name in schema.get("required", ()):
                yield name, None
        elif "default" in inner and not inner["default"]:
            yield name, inner["default"]
