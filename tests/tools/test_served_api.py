"""The table of kinds: made from discovery, and put into the document."""

from __future__ import annotations

from typing import Any

from tools.served_api import BEGIN, END, documented, table, with_table

ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
PAGES: dict[str, Any] = {
    "/api/v1": {
        "resources": [
            {"name": "pods", "kind": "Pod", "verbs": ALL, "shortNames": ["po"]},
            {"name": "pods/log", "kind": "Pod", "verbs": ["get"]},
            {"name": "pods/status", "kind": "Pod", "verbs": ["get"]},
        ]
    },
    "/apis": {"groups": [{"versions": [{"groupVersion": "a.b/v1"}]}]},
    "/apis/a.b/v1": {"resources": [{"name": "reviews", "kind": "Review", "verbs": ["create"]}]},
}
TABLE = """\
| Group and version | Kind | Short names | Subresources | Verbs |
| --- | --- | --- | --- | --- |
| v1 | Pod | po | log, status | all |
| a.b/v1 | Review |  |  | create |"""


def test_a_kind_is_a_row() -> None:
    assert table(PAGES.__getitem__) == TABLE


def test_the_table_in_a_document_is_replaced() -> None:
    text = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", TABLE)
    assert documented(text) == TABLE
    assert text == f"before\n{BEGIN}\n{TABLE}\n{END}\nafter\n"
