"""Objects as the `Table` that kubectl prints: the columns of a row, a line for each object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import orjson

from knlab.embedded.kube.ages import INVALID, UNKNOWN, format_age, parse_time
from knlab.embedded.kube.jsonpath import PathError, find_all
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.registry import Column, Resource

IncludeObject: TypeAlias = Literal["None", "Metadata", "Object"]
"""What a line carries besides its cells."""

NAME_COLUMN: Final = Column(
    "Name",
    "string",
    path=".metadata.name",
    format="name",
    description="Name must be unique within a namespace. Is required when creating resources,"
    " although some resources may allow a client to request the generation of an appropriate name"
    " automatically. Name is primarily intended for creation idempotence and configuration"
    " definition. Cannot be updated. More info:"
    " https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names",
)
AGE_COLUMN: Final = Column(
    "Age",
    "date",
    path=".metadata.creationTimestamp",
    description="CreationTimestamp is a timestamp representing the server time when this object"
    " was created. It is not guaranteed to be set in happens-before order across separate"
    " operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC."
    "\n\nPopulated by the system. Read-only. Null for lists. More info:"
    " https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
)


def columns_of(row: Resource) -> tuple[Column, ...]:
    """The columns of `row`: a kind without any has Name and Age; a CRD's own follow Name."""
    if not row.columns:
        return NAME_COLUMN, AGE_COLUMN
    if all(column.path for column in row.columns):
        return NAME_COLUMN, *row.columns
    return row.columns


def table(
    row: Resource,
    objects: Iterable[Object],
    *,
    now: float,
    include: IncludeObject = "Metadata",
    metadata: Mapping[str, Any] | None = None,
    version: str = "v1",
    headers: bool = True,
) -> Object:
    """A Table of `objects`; without `headers` the column definitions are null."""
    columns = columns_of(row)
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": dict(metadata or {}),
        "columnDefinitions": [_definition(column) for column in columns] if headers else None,
        "rows": [_line(row, columns, obj, now, include) for obj in objects],
    }


def partial_metadata(obj: Object) -> Object:
    """Only the metadata of `obj`, as a PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def _definition(column: Column) -> Object:
    origin = f"Custom resource definition column (in JSONPath format): {column.path}"
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or (origin if column.path else ""),
        "priority": column.priority,
    }


def _line(
    row: Resource, columns: Sequence[Column], obj: Object, now: float, include: IncludeObject
) -> Object:
    cells = [cell_of(column, obj, now) for column in columns]
    match include:
        case "None":
            return {"cells": cells, "object": None}
        case "Metadata":
            return {"cells": cells, "object": partial_metadata(obj)}
        case "Object":
            whole = {"apiVersion": row.api_version, "kind": row.kind} | obj
            return {"cells": cells, "object": whole}


def cell_of(column: Column, obj: Object, now: float) -> Any:
    """The cell of `obj`; an object whose shape the column cannot read shows `<invalid>`."""
    try:
        if column.cell is not None:
            return column.cell(obj, now)
        found = find_all(column.path, obj)
    except PathError:
        return None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return INVALID
    return _SHOWN[column.type](found[0], now) if found else None


def _string(value: Any, _now: float) -> str | None:
    if isinstance(value, str):
        return value
    return None if value is None else orjson.dumps(value).decode()


def _integer(value: Any, _now: float) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any, _now: float) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any, _now: float) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: Any, now: float) -> str | None:
    if value is None:
        return None
    if value == "":
        return UNKNOWN
    moment = parse_time(value)
    return INVALID if moment is None else format_age(now - moment)


_SHOWN: Final[Mapping[str, Callable[[Any, float], Any]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
