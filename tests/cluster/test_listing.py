"""Listings: what `kubectl get` prints, out of the server's Table."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.cluster.listing import command_line, from_table

TABLE: dict[str, Any] = {
    "columnDefinitions": [
        {"name": "Name", "priority": 0},
        {"name": "Ready"},
        {"name": "Node", "priority": 1},
    ],
    "rows": [
        {"cells": ["a", "1/1", "knlab"], "object": {"metadata": {"namespace": "one"}}},
        {"cells": ["longer", None, "knlab"], "object": {"metadata": {"namespace": "two"}}},
    ],
}


def test_columns_of_priority_one_are_for_wide_listings() -> None:
    assert from_table(TABLE, "", namespaces=False, wide=False).header == ("NAME", "READY")
    assert from_table(TABLE, "", namespaces=False, wide=True).header == ("NAME", "READY", "NODE")


def test_every_namespace_adds_a_column() -> None:
    found = from_table(TABLE, "kubectl get pods -A", namespaces=True, wide=False)
    assert found.rows == (("one", "a", "1/1"), ("two", "longer", ""))


def test_text_is_aligned_like_kubectls() -> None:
    found = from_table(TABLE, "kubectl get pods", namespaces=False, wide=False)
    assert repr(found).splitlines() == [
        "$ kubectl get pods",
        "NAME     READY",
        "a        1/1",
        "longer",
    ]
    assert len(found) == 2


def test_an_empty_table_still_says_its_columns() -> None:
    empty = {"columnDefinitions": TABLE["columnDefinitions"], "rows": None}
    found = from_table(empty, "kubectl get pods", namespaces=False, wide=False)
    assert (found.header, found.rows) == (("NAME", "READY"), ())
    assert "NAME" in repr(found)


def test_the_frame_has_kubectls_columns() -> None:
    frame = from_table(TABLE, "", namespaces=False, wide=True).frame
    assert list(frame.columns) == ["NAME", "READY", "NODE"]
    assert frame.loc[0, "NODE"] == "knlab"


def test_html_is_escaped() -> None:
    table = {"columnDefinitions": [{"name": "N"}], "rows": [{"cells": ["<b>"]}]}
    html = from_table(table, "kubectl", namespaces=False, wide=False)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"namespace": None}, "kubectl get pods -A"),
        ({"namespace": "default"}, "kubectl get pods"),
        ({"namespace": ""}, "kubectl get pods"),
        ({"namespace": "knative-serving"}, "kubectl get pods -n knative-serving"),
        ({"namespace": "", "name": "x", "wide": True}, "kubectl get pods x -o wide"),
        ({"namespace": "", "labels": "a in (b)"}, "kubectl get pods -l 'a in (b)'"),
    ],
)
def test_the_line_that_a_person_types(arguments: dict[str, Any], line: str) -> None:
    assert command_line("pods", **arguments) == line
