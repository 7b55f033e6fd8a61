"""Values as Go prints them."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.go_values import as_text, printed, type_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"), (True, "true"), (1, "1"), ("a b", "a b"), (1.5, "1.5"), (2.0, "2"),
        (0.0, "0"), (1_000_000.0, "1e+06"), (1e20, "1e+20"), (123_456_789.0, "1.23456789e+08"),
        (0.00001, "1e-05"), (-0.0001, "-0.0001"), (100_000.0, "100000"),
        ([1, [], "x"], "[1 [] x]"), ({"b": {}, "a": [None]}, "map[a:[<nil>] b:map[]]"),
    ],
)  # fmt: skip
def test_values_of_json(value: Any, text: str) -> None:
    assert printed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"), (None, "%!s(<nil>)"), (1.5, "%!s(float64=1.5)"), (True, "%!s(bool=true)"),
        ([1, "a"], "[%!s(int64=1) a]"), ({"a": 1}, "map[a:%!s(int64=1)]"),
    ],
)  # fmt: skip
def test_values_where_text_is_meant(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, "%!s(<nil>)"), ([], "[]interface {}"), ({}, "map[string]interface {}"), (1, "int64")],
)
def test_types(value: Any, name: str) -> None:
    assert type_of(value) == name
