"""The scale subresource."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import BadRequest, Conflict, InternalError, Invalid, NotFound
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.kube.patch import merge_patch

DEPLOYMENTS = GroupResource("apps", "deployments")
WIDGETS = GroupResource("ex.com", "widgets")
MAPS = GroupResource("", "configmaps")


def deploy(api: Api, replicas: int | None = 1, **spec: Any) -> Object:
    fields = {"name": "d", "namespace": "default", "labels": {"not": "shown"}}
    wanted = {} if replicas is None else {"replicas": replicas}
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": fields}
    return api.create(DEPLOYMENTS, obj | {"spec": wanted | spec}).object


def test_a_scale_shows_the_numbers_and_the_selector_as_text(api: Api) -> None:
    made = deploy(api, 2, selector={"matchLabels": {"b": "2", "a": "1"}})
    api.update(DEPLOYMENTS, made | {"status": {"replicas": 1}}, subresource="status")
    scale = api.peek_scale(DEPLOYMENTS, "default", "d")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 1, "selector": "a=1,b=2"}
    assert sorted(scale["metadata"]) == [
        "creationTimestamp", "name", "namespace", "resourceVersion", "uid",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"a": "1"}, "a=1"),
        ("a=1", "a=1"),
        (None, None),
        (
            {
                "matchLabels": {"a": "1"},
                "matchExpressions": [{"key": "b", "operator": "In", "values": ["x", "y"]}],
            },
            "a=1,b in (x,y)",
        ),
    ],
)
def test_selectors_of_every_form(api: Api, selector: Any, text: str | None) -> None:
    deploy(api, 1, selector=selector)
    status = api.peek_scale(DEPLOYMENTS, "default", "d")["status"]
    assert status.get("selector") == text


def test_zero_is_left_out_as_in_kubernetes(api: Api) -> None:
    deploy(api, 0)
    assert api.peek_scale(DEPLOYMENTS, "default", "d")["spec"] == {}


def test_scaling_writes_the_spec_and_counts_a_generation(api: Api) -> None:
    deploy(api, 1)
    scale = api.scale(DEPLOYMENTS, "default", "d", 3)
    assert (scale["kind"], scale["spec"]) == ("Scale", {"replicas": 3})
    found = api.get(DEPLOYMENTS, "default", "d")
    assert found["spec"]["replicas"] == 3
    assert found["metadata"]["generation"] == 2
    assert found["metadata"]["resourceVersion"] == scale["metadata"]["resourceVersion"]
    version = api.store.version
    api.scale(DEPLOYMENTS, "default", "d", 3)
    assert api.store.version == version


def test_scales_can_be_patched_and_replaced(api: Api) -> None:
    deploy(api, 1)
    change = merge_patch({"spec": {"replicas": 4}})
    written = api.patch(DEPLOYMENTS, "default", "d", change, subresource="scale")
    assert written.object["spec"] == {"replicas": 4}
    stale = written.object
    api.scale(DEPLOYMENTS, "default", "d", 5)
    with pytest.raises(Conflict):
        api.update(DEPLOYMENTS, stale, subresource="scale")
    assert api.get(DEPLOYMENTS, "default", "d")["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("replicas", "error"), [(-1, Invalid), ("3", BadRequest), (True, BadRequest)]
)
def test_bad_numbers(api: Api, replicas: Any, error: type[Exception]) -> None:
    deploy(api, 1)
    with pytest.raises(error):
        api.scale(DEPLOYMENTS, "default", "d", replicas)


def test_kinds_without_scale(api: Api) -> None:
    fields = {"name": "m", "namespace": "default"}
    api.create(MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": fields})
    with pytest.raises(NotFound, match='configmaps "m" not found'):
        api.peek_scale(MAPS, "default", "m")
    with pytest.raises(NotFound):
        api.scale(MAPS, "default", "m", 1)


def test_a_custom_resource_without_a_number(api: Api) -> None:
    fields = {"name": "w", "namespace": "default"}
    obj = {"apiVersion": "ex.com/v1", "kind": "Widget", "metadata": fields}
    api.create(WIDGETS, obj)
    with pytest.raises(InternalError, match=r'the spec replicas field ".spec.size" does not exist'):
        api.peek_scale(WIDGETS, "default", "w")
    assert api.scale(WIDGETS, "default", "w", 2)["spec"] == {"replicas": 2}
    assert api.get(WIDGETS, "default", "w")["spec"] == {"size": 2}
