"""The garbage collector, across kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.garbage import collect_garbage
from knlab.embedded.kube.objects import GroupResource, Object, owner_reference
from knlab.embedded.kube.registry import Resource
from tests.embedded.kube.at_work import at_work, turns, until

pytestmark = pytest.mark.anyio

MAPS = GroupResource("", "configmaps")
PODS = GroupResource("", "pods")
WIDGETS = GroupResource("ex.com", "widgets")
LATE = Resource(group="late.com", version="v1", plural="lates", kind="Late")
KINDS = {
    MAPS: ("v1", "ConfigMap"), PODS: ("v1", "Pod"), WIDGETS: ("ex.com/v1", "Widget"),
    LATE.name: ("late.com/v1", "Late"),
}  # fmt: skip


@asynccontextmanager
async def collecting(api: Api) -> AsyncIterator[None]:
    log: list[str] = []
    async with at_work(collect_garbage(api, log.append)):
        yield
    assert log == []


def make(api: Api, resource: GroupResource, name: str, *owners: Object, **metadata: Any) -> Object:
    api_version, kind = KINDS[resource]
    fields = {"name": name, "namespace": "default", **metadata}
    if owners:
        fields["ownerReferences"] = [owner_reference(owner) for owner in owners]
        for reference in fields["ownerReferences"][1:]:
            reference["controller"] = False
    obj = {"apiVersion": api_version, "kind": kind, "metadata": fields}
    return api.create(resource, obj).object


def there(api: Api, resource: GroupResource, name: str) -> bool:
    return api.find(resource, "default", name) is not None


async def test_background_children_and_grandchildren_follow(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner")
        child = make(api, WIDGETS, "child", owner)
        make(api, PODS, "grandchild", child)
        make(api, PODS, "stranger")
        await turns(30)
        assert there(api, PODS, "grandchild")
        assert api.delete(MAPS, "default", "owner").gone
        await until(api, lambda: not there(api, PODS, "grandchild"))
        assert not there(api, WIDGETS, "child")
        assert there(api, PODS, "stranger")


async def test_foreground_children_go_first(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner")
        make(api, PODS, "slow", owner, finalizers=["ex.com/wait"])
        make(api, PODS, "quick", owner)
        api.delete(MAPS, "default", "owner", {"propagationPolicy": "Foreground"})
        await until(api, lambda: not there(api, PODS, "quick"))
        await turns(30)
        assert there(api, MAPS, "owner")
        slow = api.get(PODS, "default", "slow")
        assert "deletionTimestamp" in slow["metadata"]
        slow["metadata"]["finalizers"] = []
        api.update(PODS, slow)
        await until(api, lambda: not there(api, MAPS, "owner"))


async def test_foreground_goes_down_the_whole_tree(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner")
        child = make(api, WIDGETS, "child", owner)
        make(api, PODS, "grandchild", child, finalizers=["ex.com/wait"])
        api.delete(MAPS, "default", "owner", {"propagationPolicy": "Foreground"})
        await until(
            api, lambda: "deletionTimestamp" in api.get(PODS, "default", "grandchild")["metadata"]
        )
        assert there(api, WIDGETS, "child")
        grandchild = api.get(PODS, "default", "grandchild")
        grandchild["metadata"]["finalizers"] = []
        api.update(PODS, grandchild)
        await until(api, lambda: not there(api, MAPS, "owner"))
        assert not there(api, WIDGETS, "child")


async def test_only_blocking_children_are_waited_for(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner")
        child = make(api, PODS, "child", owner, finalizers=["ex.com/wait"])
        child["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = False
        api.update(PODS, child)
        api.delete(MAPS, "default", "owner", {"propagationPolicy": "Foreground"})
        await until(api, lambda: not there(api, MAPS, "owner"))
        await until(
            api, lambda: "deletionTimestamp" in api.get(PODS, "default", "child")["metadata"]
        )


async def test_orphans_stay_and_forget(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner")
        make(api, PODS, "child", owner)
        api.delete(MAPS, "default", "owner", {"propagationPolicy": "Orphan"})
        await until(api, lambda: not there(api, MAPS, "owner"))
        await turns(30)
        assert "ownerReferences" not in api.get(PODS, "default", "child")["metadata"]


async def test_an_owner_that_never_was(api: Api) -> None:
    owner = make(api, MAPS, "owner")
    owner["metadata"]["uid"] = "another"
    make(api, PODS, "before", owner)
    async with collecting(api):
        make(api, PODS, "after", owner)
        await until(api, lambda: not there(api, PODS, "before") and not there(api, PODS, "after"))


async def test_one_living_owner_is_enough(api: Api) -> None:
    async with collecting(api):
        one, two = make(api, MAPS, "one"), make(api, MAPS, "two")
        make(api, PODS, "child", one, two)
        api.delete(MAPS, "default", "one")
        await until(
            api, lambda: len(api.get(PODS, "default", "child")["metadata"]["ownerReferences"]) == 1
        )
        api.delete(MAPS, "default", "two", {"propagationPolicy": "Foreground"})
        await until(api, lambda: not there(api, PODS, "child"))
        await until(api, lambda: not there(api, MAPS, "two"))


async def test_a_waiting_owner_goes_when_a_shared_child_is_released(api: Api) -> None:
    async with collecting(api):
        one, two = make(api, MAPS, "one"), make(api, MAPS, "two")
        make(api, PODS, "child", one, two)
        api.delete(MAPS, "default", "one", {"propagationPolicy": "Foreground"})
        await until(api, lambda: not there(api, MAPS, "one"))
        owners = api.get(PODS, "default", "child")["metadata"]["ownerReferences"]
        assert [each["name"] for each in owners] == ["two"]


async def test_an_owner_in_another_namespace_counts_as_missing(api: Api) -> None:
    async with collecting(api):
        owner = make(api, MAPS, "owner", namespace="other")
        make(api, PODS, "child", owner)
        await until(api, lambda: not there(api, PODS, "child"))


async def test_kinds_that_come_later_are_collected_also_when_their_owners_kind_is_gone(
    api: Api,
) -> None:
    async with collecting(api):
        api.registry.add(LATE)
        owner = make(api, LATE.name, "owner")
        make(api, PODS, "child", owner)
        await turns(30)
        api.delete(LATE, "default", "owner")
        api.registry.remove(LATE)
        await until(api, lambda: not there(api, PODS, "child"))


async def test_an_owner_of_an_unknown_kind_may_be_there(api: Api) -> None:
    async with collecting(api):
        owner = {
            "apiVersion": "unknown.com/v1", "kind": "Unknown",
            "metadata": {"name": "o", "uid": "u"},
        }  # fmt: skip
        make(api, PODS, "child", owner)
        await turns(30)
        assert there(api, PODS, "child")


async def test_what_was_left_over_is_collected_at_the_start(api: Api) -> None:
    owner = make(api, MAPS, "owner")
    make(api, PODS, "child", owner)
    api.delete(MAPS, "default", "owner", {"propagationPolicy": "Foreground"})
    async with collecting(api):
        await until(api, lambda: not there(api, MAPS, "owner") and not there(api, PODS, "child"))
