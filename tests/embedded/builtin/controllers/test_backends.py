"""Which Services select a pod."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.controllers.backends import SelectorIndex
from knlab.embedded.kube.objects import Key, Object, key_of
from tests.factories import make


def service(name: str, namespace: str = "default", **selector: str) -> Object:
    spec = {"type": "ClusterIP", "selector": selector}
    return make("v1", "Service", name, namespace, spec=spec)


def pod(**labels: str) -> Object:
    return make("v1", "Pod", "p", "default", metadata={"labels": labels})


@pytest.fixture
def index() -> SelectorIndex:
    made = SelectorIndex()
    for each in (
        service("web", app="web"),
        service("web-1", app="web", version="1"),
        service("first", version="1"),
        service("elsewhere", "other", app="web"),
        service("by-hand"),
    ):
        made.learn(key_of(each), each)
    return made


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        pytest.param({"app": "web"}, {"web"}, id="one term"),
        pytest.param({"app": "web", "version": "1"}, {"web", "web-1", "first"}, id="every term"),
        pytest.param({"app": "web", "version": "2"}, {"web"}, id="not half of the terms"),
        pytest.param({"version": "1", "more": "x"}, {"first"}, id="whatever else it carries"),
        pytest.param({}, set(), id="no label"),
    ],
)
def test_the_services_that_select_a_pod(
    index: SelectorIndex, labels: dict[str, str], names: set[str]
) -> None:
    assert {name for _, name in index.keys_selecting(pod(**labels))} == names


def test_a_service_that_selects_something_else_or_is_gone(index: SelectorIndex) -> None:
    key: Key = ("default", "web")
    index.learn(key, service("web", app="other"))
    assert index.keys_selecting(pod(app="web")) == []
    assert index.keys_selecting(pod(app="other")) == [key]
    index.learn(key, None)
    assert index.keys_selecting(pod(app="other")) == []
