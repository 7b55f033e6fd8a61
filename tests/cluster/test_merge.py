"""The three-way merge: what was set last, what is wanted, what there is → a JSON merge patch."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.cluster.merge import three_way_merge


@pytest.mark.parametrize(
    ("last", "wanted", "live", "patch"),
    [
        pytest.param({}, {"a": 1}, {}, {"a": 1}, id="a new field is added"),
        pytest.param({}, {"a": 1}, {"a": 1}, {}, id="what is there already is left alone"),
        pytest.param({}, {"a": 1}, {"a": 2}, {"a": 1}, id="a different value is changed"),
        pytest.param({}, {}, {"a": 1}, {}, id="what others set is kept"),
        pytest.param({"a": 1}, {}, {"a": 1}, {"a": None}, id="what we set and dropped is removed"),
        pytest.param({"a": 1}, {}, {}, {}, id="what is gone already needs no removal"),
        pytest.param(
            {"m": {"x": 1, "y": 1}},
            {"m": {"y": 2}},
            {"m": {"x": 1, "y": 1, "z": 1}},
            {"m": {"x": None, "y": 2}},
            id="maps are merged key by key",
        ),
        pytest.param(
            {"l": [1, 2]}, {"l": [2]}, {"l": [1, 2]}, {"l": [2]}, id="lists are replaced whole"
        ),
        pytest.param(
            {}, {"m": {"x": 1}}, {"m": "text"}, {"m": {"x": 1}}, id="a map replaces a scalar"
        ),
        pytest.param(
            {"m": "text"}, {"m": {"x": 1}}, {"m": {"x": 0}}, {"m": {"x": 1}},
            id="a scalar before a map is no map",
        ),
        pytest.param({}, {"a": None}, {}, {"a": None}, id="a null that is wanted is written"),
        pytest.param(
            {"l": [{"a": 1}]}, {"l": [{"a": 1}]}, {"l": [{"a": 1, "default": 2}]}, {},
            id="what a server filled in since the last time stays",
        ),
        pytest.param(
            {"l": [{"a": 1}]}, {"l": [{"a": 1}]}, {"l": [{"a": 2, "default": 2}]},
            {"l": [{"a": 1}]}, id="what somebody changed since the last time is put back",
        ),
        pytest.param(
            {"l": [{"a": 1, "b": 1}]}, {"l": [{"a": 1}]}, {"l": [{"a": 1, "b": 1}]},
            {"l": [{"a": 1}]}, id="what we drop from a list is removed",
        ),
        pytest.param(
            {"l": [1]}, {"l": [1]}, {"l": [1, 2]}, {"l": [1]}, id="an item more is no default",
        ),
    ],
)  # fmt: skip
def test_patch(
    last: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert three_way_merge(last, wanted, live) == patch
