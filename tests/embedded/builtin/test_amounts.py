from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.amounts import asked_by_pod, together


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        pytest.param(["100m", "0.4"], "500m", id="thousandths"),
        pytest.param(["500m", "0.5"], "1", id="a whole"),
        pytest.param(["1Gi", "512Mi"], "1536Mi", id="binary suffixes"),
        pytest.param(["0", "100Mi"], "100Mi", id="zero has no form"),
        pytest.param(["1Gi", "1G"], "2073741824", id="the first form counts"),
        pytest.param(["1Gi", "1"], "1073741825", id="no suffix fits"),
        pytest.param(["0", "0"], "0", id="nothing"),
        pytest.param(["1G", "1Gi"], "2073741824", id="decimal suffixes"),
    ],
)
def test_sums(parts: list[str], total: str) -> None:
    assert together({"x": part} for part in parts) == {"x": total}


def _pod(containers: list[str], init: list[Any]) -> dict[str, Any]:
    def named(asked: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": asked}}, **more}

    starting = [
        named(each[0], restartPolicy="Always") if isinstance(each, tuple) else named(each)
        for each in init
    ]
    return {"containers": list(map(named, containers)), "initContainers": starting}


@pytest.mark.parametrize(
    ("containers", "init", "total"),
    [
        pytest.param(["1", "2"], [], "3", id="what runs together"),
        pytest.param(["1", "2"], ["5", "4"], "5", id="the largest init container, if it is more"),
        pytest.param(["1", "2"], ["2"], "3", id="but not if it is less"),
        pytest.param(["1"], [("2",)], "3", id="sidecars run along"),
        pytest.param(["1"], [("2",), "5"], "7", id="and beside what starts after them"),
        pytest.param(["1"], ["5", ("2",)], "5", id="but not before"),
    ],
)
def test_what_a_pod_takes(containers: list[str], init: list[Any], total: str) -> None:
    assert asked_by_pod(_pod(containers, init), "requests") == {"cpu": total}
