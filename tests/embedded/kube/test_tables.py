from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.registry import Column, Resource
from knlab.embedded.kube.tables import cell_of, columns_of, table

NOW = 1_700_000_000.0
READY = ".status.conditions[?(@.type=='Ready')]"
ROW = Resource(
    group="ex.com", version="v1", plural="things", kind="Thing", strategic_merge=False,
    columns=(
        Column("Ready", "string", path=f"{READY}.status"),
        Column("Reason", "string", path=f"{READY}.reason"),
    ),
)  # fmt: skip
THING: dict[str, Any] = {
    "apiVersion": "ex.com/v1",
    "kind": "Thing",
    "metadata": {"name": "a", "creationTimestamp": "2023-11-14T22:08:20Z"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def test_a_crds_columns_follow_the_name_and_a_missing_path_is_null() -> None:
    made = table(ROW, [THING], now=NOW, metadata={"resourceVersion": "7"})
    assert [column["name"] for column in made["columnDefinitions"]] == ["Name", "Ready", "Reason"]
    assert made["rows"][0]["cells"] == ["a", "True", None]
    assert made["metadata"] == {"resourceVersion": "7"}
    assert made["apiVersion"] == "meta.k8s.io/v1"


def test_a_kind_without_columns_shows_name_and_age() -> None:
    plain = Resource(group="ex.com", version="v1", plural="things", kind="Thing")
    assert [column.name for column in columns_of(plain)] == ["Name", "Age"]
    assert table(plain, [THING], now=NOW)["rows"][0]["cells"] == ["a", "5m"]


def test_built_in_columns_stand_alone() -> None:
    own = Column("Name", cell=lambda obj, _now: obj["metadata"]["name"])
    built_in = Resource(group="", version="v1", plural="t", kind="T", columns=(own,))
    assert columns_of(built_in) == (own,)


def test_lines_carry_metadata_the_object_or_nothing() -> None:
    by_include = {
        include: table(ROW, [THING], now=NOW, include=include)["rows"][0]["object"]
        for include in ("None", "Metadata", "Object")
    }
    assert by_include["None"] is None
    assert by_include["Metadata"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": THING["metadata"],
    }
    assert by_include["Object"] == THING


def test_later_events_have_no_column_definitions() -> None:
    assert table(ROW, [THING], now=NOW, headers=False)["columnDefinitions"] is None


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("string", "x", "x"), ("string", True, "true"), ("string", {"a": [1]}, '{"a":[1]}'),
        ("integer", 3, 3), ("integer", 3.0, 3), ("integer", "3", None), ("integer", True, None),
        ("number", 1.5, 1.5), ("number", "x", None), ("boolean", False, False),
        ("boolean", "true", None), ("date", "2023-11-14T22:08:20Z", "5m"),
        ("date", "never", "<invalid>"), ("date", "", "<unknown>"), ("string", None, None),
    ],
)  # fmt: skip
def test_values_of_another_type_are_null(kind: Any, value: Any, cell: Any) -> None:
    assert cell_of(Column("C", kind, path=".v"), {"v": value}, NOW) == cell


def test_a_path_that_is_none_shows_nothing_instead_of_hiding_the_table() -> None:
    assert cell_of(Column("C", path=".a["), THING, NOW) is None
