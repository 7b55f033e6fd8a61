from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.jsonpath import PathError, compile_path, find_all

OBJ = {
    "metadata": {"labels": {"serving.knative.dev/configuration": "hello", "a": "b"}},
    "spec": {"replicas": 0, "items": [{"n": 1}, {"n": 2}, {"n": 3}]},
    "status": {
        "conditions": [
            {"type": "Active", "status": "Unknown"},
            {"type": "Ready", "status": "False", "reason": "NoTraffic"},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.replicas", [0]),
        ("spec.replicas", [0]),
        ("{.spec.replicas}", [0]),
        (".status.conditions[?(@.type=='Ready')].status", ["False"]),
        ('.status.conditions[?(@.type=="Ready")].reason', ["NoTraffic"]),
        (".status.conditions[?(@.type == 'Gone')].status", []),
        (".status.conditions[?(@.reason)].type", ["Ready"]),
        (".metadata.labels['serving\\.knative\\.dev/configuration']", ["hello"]),
        (".metadata.labels.serving\\.knative\\.dev/configuration", ["hello"]),
        (".metadata.labels['a']", ["b"]),
        (".spec.items[0].n", [1]),
        (".spec.items[-1].n", [3]),
        (".spec.items[9].n", []),
        (".spec.items[*].n", [1, 2, 3]),
        (".spec.items[?(@.n>1)].n", [2, 3]),
        (".spec.items[?(@.n!=2)].n", [1, 3]),
        (".spec.items[?(@.n>'x')].n", []),
        ("..n", [1, 2, 3]),
        (".no.such.path", []),
        (".spec.replicas.deeper", []),
    ],
)
def test_a_path_finds_what_is_there(path: str, found: list[Any]) -> None:
    assert find_all(path, OBJ) == found


@pytest.mark.parametrize("path", [".a[", ".a[1:2]", ".a b", ".a[?(]", ".a[,]"])
def test_what_a_column_cannot_have_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        compile_path(path)
