"""Configurations: which revision stands for a generation, and who collects the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from knlab.embedded.kube.controller import NOTHING
from knlab.embedded.kube.objects import GroupResource, Object
from knlab.embedded.serving.controllers.configuration import configuration_of_revision
from knlab.embedded.serving.kinds import (
    CONFIGURATIONS,
    INGRESSES,
    REVISIONS,
    ROUTES,
    SERVERLESS_SERVICES,
    SERVICES,
    TYPES,
)
from tests.factories import NOW_TEXT, make

Hello = Callable[..., Object]


def test_an_own_name_of_before_is_used_again_if_the_template_is_the_same(
    cluster: Any, make_hello: Hello
) -> None:
    for image, name in (("app:1", "hello-one"), ("app:2", "hello-two"), ("app:1", "hello-one")):
        cluster.apply(make_hello(image, name=name))
        cluster.settle()
    assert cluster.names(REVISIONS) == ["hello-one", "hello-two"]
    status = cluster.get(CONFIGURATIONS, "hello")["status"]
    assert status["latestCreatedRevisionName"] == "hello-one"
    assert status["latestReadyRevisionName"] == "hello-one"


def test_a_numbered_name_that_is_taken_is_an_error(cluster: Any, make_hello: Hello) -> None:
    cluster.view.add(make(*TYPES[REVISIONS], "hello-00001", "default", spec={}))
    cluster.apply(make_hello())
    cluster.look("service-controller")
    cluster.look("configuration-controller")
    taken = 'revisions.serving.knative.dev "hello-00001" already exists'
    assert cluster.events("Configuration") == [f"InternalError: failed to create Revision: {taken}"]


def test_a_latest_ready_revision_that_was_deleted_is_made_again(
    cluster: Any, make_hello: Hello
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    old = cluster.view.objects.pop((REVISIONS, ("default", "hello-00001")))
    cluster.settle()
    assert cluster.get(REVISIONS, "hello-00001")["metadata"]["uid"] != old["metadata"]["uid"]
    status = cluster.get(CONFIGURATIONS, "hello")["status"]
    assert status["latestReadyRevisionName"] == "hello-00001"


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        pytest.param(
            {"min-non-active-revisions": "0", "max-non-active-revisions": "0"},
            ["hello-00003"],
            id="nothing spare",
        ),
        pytest.param(
            {"min-non-active-revisions": "1", "max-non-active-revisions": "1"},
            ["hello-00002", "hello-00003"],
            id="one spare, the youngest",
        ),
        pytest.param({}, ["hello-00001", "hello-00002", "hello-00003"], id="by default all"),
    ],
)
def test_revisions_without_requests_are_collected(
    cluster: Any, make_hello: Hello, settings: dict[str, str], kept: list[str]
) -> None:
    cluster.configure("config-gc", settings)
    for number in range(3):
        cluster.apply(make_hello(f"app:{number}"))
        cluster.settle()
        cluster.now += 10
    assert cluster.names(REVISIONS) == kept


@pytest.mark.parametrize(
    ("labels", "keys"),
    [({"serving.knative.dev/configuration": "c"}, (("ns", "c"),)), ({}, ())],
)
def test_a_revision_leads_to_its_configuration(
    labels: dict[str, str], keys: tuple[tuple[str, str], ...]
) -> None:
    revision = make(*TYPES[REVISIONS], "r", "ns", metadata={"labels": labels})
    assert tuple(configuration_of_revision(revision)) == keys


@pytest.mark.parametrize(
    "resource", [SERVICES, CONFIGURATIONS, ROUTES, REVISIONS, SERVERLESS_SERVICES, INGRESSES]
)
def test_what_is_going_away_or_gone_is_left_alone(
    cluster: Any, make_hello: Hello, resource: GroupResource
) -> None:
    cluster.apply(make_hello())
    cluster.settle()
    name = cluster.names(resource)[0]
    metadata = cluster.view.objects[resource, ("default", name)]["metadata"]
    metadata |= {"deletionTimestamp": NOW_TEXT, "generation": 7, "finalizers": []}
    own = [each for each in cluster.controllers if each.parent == resource]
    assert own
    for key in (("default", name), ("default", "gone")):
        assert [each.sync(cluster.view, key, cluster.now) for each in own] == [NOTHING] * len(own)
