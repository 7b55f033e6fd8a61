"""The rows that a server has."""

from __future__ import annotations

from knlab.embedded.kube.objects import GroupResource
from knlab.embedded.kube.registry import Registry, Resource

THINGS = GroupResource("ex.com", "things")


def row(version: str) -> Resource:
    return Resource(group="ex.com", version=version, plural="things", kind="Thing")


def test_the_versions_of_a_kind_follow_what_is_served() -> None:
    registry = Registry((row("v1"),))
    assert registry.versions(THINGS) == ("v1",)
    registry.add(row("v2"))
    assert registry.versions(THINGS) == ("v1", "v2")
    registry.remove(row("v1"))
    assert registry.versions(THINGS) == ("v2",)
    assert registry.versions(GroupResource("", "others")) == ()
