"""Components: what is here, beside what the article lists."""

from __future__ import annotations

from typing import Any

import pytest

from knlab import article
from knlab.cluster.components import components


def _deployment(name: str, replicas: int, ready: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready},
    }


@pytest.mark.parametrize(
    ("replicas", "ready", "state"),
    [(1, 1, "ready"), (1, 0, "not ready"), (0, 0, "not ready"), (2, 1, "not ready")],
)
def test_state(replicas: int, ready: int, state: str) -> None:
    found = components([_deployment("activator", replicas, ready)])
    assert next(each.here for each in found.items if each.name == "activator") == state


def test_the_articles_components_are_listed_even_if_they_are_not_here() -> None:
    found = components([])
    assert {each.name for each in found.items} == set(article.COMPONENTS)
    assert found.ready == ()


def test_every_difference_from_the_article_is_explained() -> None:
    here = ["activator", "autoscaler", "controller", "webhook"]
    here += ["net-kourier-controller", "3scale-kourier-gateway"]
    found = components([_deployment(name, 1, 1) for name in here])
    for each in found.items:
        assert each.role
        assert bool(each.difference) or (each.in_article and each.here)
    assert "ready" in repr(found)
    assert "part of webhook since" in found._repr_html_()
